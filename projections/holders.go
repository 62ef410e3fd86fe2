package projections

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"tansu.cloud/platform/bus"
	"tansu.cloud/sql/db"
)

// leaseSpace begins the names of all leases of projections.
const leaseSpace = "projection"

// Names of leases: the lead of a projection has its own, and below it stand those
// of its partitions, of each process that takes part, and of the leader's wish
// to have all partitions for a switch.
func (p *Projection) leadName() string           { return leaseSpace + "/" + p.Name }
func (p *Projection) partitionName(n int) string { return fmt.Sprintf("%s/%d", p.leadName(), n) }
func (p *Projection) membersName() string        { return p.leadName() + "/node/" }
func (p *Projection) gatherName() string         { return p.leadName() + "/gather" }

// holders says who has which leases of a projection, by node id.
type holders struct {
	leader     string
	gatherer   string
	members    []string // in order
	partitions [bus.Partitions]string
}

func (s *setup) holders(ctx context.Context) (holders, error) {
	rows, err := s.queries.LeasesInForce(ctx, s.leadName())
	return s.readHolders(rows), err
}

func (p *Projection) readHolders(rows []db.LeasesInForceRow) holders {
	var h holders
	for _, row := range rows {
		part := strings.TrimPrefix(strings.TrimPrefix(row.Name, p.leadName()), "/")
		if part == "" {
			h.leader = row.Holder
		} else if row.Name == p.gatherName() {
			h.gatherer = row.Holder
		} else if node, member := strings.CutPrefix(row.Name, p.membersName()); member {
			h.members = append(h.members, node)
		} else if n, err := strconv.Atoi(part); err == nil && 0 <= n && n < bus.Partitions {
			h.partitions[n] = row.Holder
		}
	}
	slices.Sort(h.members)
	return h
}

// owners lists the nodes that have partitions, in order; the leader has the only
// one of a projection of the system tenant's log.
func (h *holders) owners(everyTenant bool) []string {
	nodes := []string{h.leader}
	if everyTenant {
		nodes = h.partitions[:]
	}
	nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
	return slices.DeleteFunc(nodes, func(node string) bool { return node == "" })
}

// gathers reports whether another process leads and wants all partitions. The
// wish of a leader that is gone does not count.
func (h *holders) gathers(node string) bool {
	return h.gatherer != "" && h.gatherer == h.leader && h.gatherer != node
}

// fairShare is how many partitions a member should have. What does not divide
// goes to other members for each projection.
func (h *holders) fairShare(projection, node string) int {
	rank, member := slices.BinarySearch(h.members, node)
	if !member || h.gathers(node) {
		return 0
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(projection)) // never fails
	n := len(h.members)
	share := bus.Partitions / n
	if (rank+int(hash.Sum32()%uint32(n)))%n < bus.Partitions%n {
		share++
	}
	return share
}

// moves says which partitions a node that holds some gives back, and which it may
// take, at most. Partitions change hands only when shares do.
func (h *holders) moves(projection, node string, holds func(partition int) bool) (give, take []int) {
	share := h.fairShare(projection, node)
	var own, free []int
	for n, holder := range h.partitions {
		switch {
		case holds(n):
			own = append(own, n)
		case holder == node: // from before a restart
			take = append(take, n)
		case holder == "":
			free = append(free, n)
		}
	}
	if len(own) > share {
		return own[share:], nil
	}
	// Members begin at different places, so that they seldom reach for the same.
	if rank, member := slices.BinarySearch(h.members, node); member && len(free) > 0 {
		begin := rank * len(free) / len(h.members)
		take = append(append(take, free[begin:]...), free[:begin]...)
	}
	return nil, take[:min(share-len(own), len(take))]
}
