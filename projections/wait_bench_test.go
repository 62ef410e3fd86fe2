package projections_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"tansu.cloud/projections"
)

// BenchmarkAppendThenWait is what a client waits for that reads what it wrote, in
// one process that follows every tenant's log with several projections.
func BenchmarkAppendThenWait(b *testing.B) {
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d projections", n), func(b *testing.B) {
			e := newEnv(b)
			r := e.start(func(c *projections.Config) {
				for i := 1; i < n; i++ { // they listen and have nothing to write
					other := e.counters()
					other.Name, other.Types = fmt.Sprintf("other_%d", i), []string{"other"}
					other.Tables = []string{other.Name}
					other.DDL = "CREATE TABLE " + other.Name + " (tenant_id uuid NOT NULL)"
					c.Projections = append(c.Projections, other)
				}
			})
			id := uuid.New()
			for i := 0; b.Loop(); i++ {
				e.wait(r, id, e.append(id, fmt.Sprint(i), added{1}))
			}
		})
	}
}
