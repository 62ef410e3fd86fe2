package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tansu.cloud/sql/db"
)

// watch wakes projectors when leases change hands: when a process has come, gone
// or died, and when a leader wants all partitions. One query serves all of them.
func (r *Runner) watch(ctx context.Context) {
	queries, before := db.New(r.config.Pool), map[string]string{}
	for {
		delay := r.config.PollInterval
		rows, err := queries.LeasesInForce(ctx, leaseSpace)
		if err == nil { // else the polls go on
			now := byProjection(rows)
			for _, p := range r.projectors {
				if now[p.Name] != before[p.Name] {
					p.wake()
				}
			}
			before = now
		}
		if slices.ContainsFunc(rows, func(row db.LeasesInForceRow) bool { return row.Holder != r.config.NodeID }) {
			delay = r.config.beat() // it is not alone
		}
		if !pause(ctx, r.quit, delay) {
			return
		}
	}
}

// byProjection makes a text of who holds which leases of each projection.
func byProjection(rows []db.LeasesInForceRow) map[string]string {
	held := map[string][]string{}
	for _, row := range rows {
		name, _, _ := strings.Cut(strings.TrimPrefix(row.Name, leaseSpace+"/"), "/")
		held[name] = append(held[name], fmt.Sprintf("%q %q", row.Name, row.Holder))
	}
	texts := map[string]string{}
	for name, all := range held {
		slices.Sort(all)
		texts[name] = strings.Join(all, " ")
	}
	return texts
}
