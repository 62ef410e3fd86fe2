package projections

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
	"tansu.cloud/sql/db"
)

// A cluster in which nodes come and go and each acts on what it sees: whatever
// happens, partitions end up evenly spread, and only as many move as must.
func TestMovesEndInEvenShares(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := holders{}
		for change := range 10 {
			if node := fmt.Sprintf("node-%d", change); len(h.members) == 0 || random.IntN(2) == 0 {
				h.members = append(h.members, node)
			} else {
				gone := h.members[random.IntN(len(h.members))]
				h.members = slices.DeleteFunc(h.members, func(m string) bool { return m == gone })
				for n, holder := range h.partitions {
					if holder == gone {
						h.partitions[n] = ""
					}
				}
			}
			moved := h.settle(random)
			shares := h.shares()
			for _, m := range h.members {
				require.GreaterOrEqual(t, shares[m], bus.Partitions/len(h.members), "%+v", h)
				require.LessOrEqual(t, shares[m], (bus.Partitions+len(h.members)-1)/len(h.members), "%+v", h)
			}
			require.LessOrEqual(t, moved, bus.Partitions)
			if len(h.members) > 0 {
				require.NotContains(t, h.partitions, "")
				require.Zero(t, h.settle(random), "then nothing moves")
			}
		}
	}
}

// settle lets nodes act in random order until nobody has anything to do, and
// counts the partitions that were taken.
func (h *holders) settle(random *rand.Rand) (taken int) {
	for calm := false; !calm; {
		calm = true
		for _, i := range random.Perm(len(h.members)) {
			node := h.members[i]
			give, take := h.moves("p", node, func(n int) bool { return h.partitions[n] == node })
			for _, n := range give {
				h.partitions[n] = ""
			}
			for _, n := range take {
				h.partitions[n] = node
			}
			taken += len(take)
			calm = calm && len(give)+len(take) == 0
		}
	}
	return taken
}

func (h *holders) shares() map[string]int {
	shares := map[string]int{}
	for _, holder := range h.partitions {
		shares[holder]++
	}
	return shares
}

func TestMovesAfterARestartAndDuringASwitch(t *testing.T) {
	t.Parallel()
	nobody := func(int) bool { return false }
	h := holders{leader: "b", members: []string{"a", "b"}, partitions: [bus.Partitions]string{"a", "a", "a", "a", "b", "b", "b", "b"}}
	_, take := h.moves("p", "a", nobody)
	require.Equal(t, []int{0, 1, 2, 3}, take, "what was its own before a restart")

	h.gatherer = "b"
	give, take := h.moves("p", "a", func(n int) bool { return n < 4 })
	require.Equal(t, []int{0, 1, 2, 3}, give, "the leader wants them")
	require.Empty(t, take)
	h.leader = "a"
	give, _ = h.moves("p", "a", func(n int) bool { return n < 4 })
	require.Empty(t, give, "who wanted them does not lead any more")

	give, take = h.moves("p", "stranger", nobody)
	require.Empty(t, append(give, take...), "who is no member has no share")
}

func TestWhatDoesNotDivideIsSpreadOverProjections(t *testing.T) {
	t.Parallel()
	h := holders{members: []string{"a", "b", "c", "d", "e"}}
	total := map[string]int{}
	for p := range 100 {
		for _, m := range h.members {
			total[m] += h.fairShare(fmt.Sprintf("projection_%d", p), m)
		}
	}
	for _, m := range h.members {
		require.InDelta(t, 100*bus.Partitions/5, total[m], 30, m)
	}
}

func TestHoldersAreReadFromTheNamesOfLeases(t *testing.T) {
	t.Parallel()
	p := Projection{Name: "p", EveryTenant: true}
	h := p.readHolders([]db.LeasesInForceRow{
		{Name: "projection/p", Holder: "a"}, {Name: "projection/p/gather", Holder: "a"}, {Name: "projection/p/7", Holder: "b"},
		{Name: "projection/p/8", Holder: "x"}, {Name: "projection/p/node/c", Holder: "c"}, {Name: "projection/p/node/3/b", Holder: "3/b"},
	})
	require.Equal(t, holders{
		leader: "a", gatherer: "a", members: []string{"3/b", "c"}, partitions: [bus.Partitions]string{7: "b"},
	}, h)
	require.Equal(t, []string{"b"}, h.owners(true))
	require.Equal(t, []string{"a"}, h.owners(false))
}
