package ownership_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/ownership"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []ownership.Event
	grant := func(id string) ownership.Grant { return ownership.Grant{UserID: id, At: t0} }
	granted := func(id string) ownership.Granted { return ownership.Granted{UserID: id, At: t0} }
	release := ownership.Release{UserID: "u1", At: t0}
	released := ownership.Released{UserID: "u1", At: t0}
	var most events
	for i := range ownership.MaxOwners {
		most = append(most, granted(fmt.Sprint("u", i)))
	}
	requireDecisions(t, []decision{
		{"grant", nil, grant("u1"), events{granted("u1")}, ""},
		{"grant twice", events{granted("u1")}, grant("u1"), nil, ""},
		{"grant the most", most[1:], grant("u0"), events{granted("u0")}, ""},
		{"grant too many", most, grant("x"), nil, "member.too_many_owners"},
		{"release", events{granted("u1"), granted("u2")}, release, events{released}, ""},
		{"release the last", events{granted("u1")}, release, nil, "member.last_owner"},
		{"release the last, who was erased", events{granted("u1")}, ownership.Release{UserID: "u1", Erased: true, At: t0}, events{released}, ""},
		{"release who is none", events{granted("u2")}, release, nil, ""},
		{"release in an ownerless tenant", nil, release, nil, ""},
	})
}

// TestTheLastOwnerStays: once a tenant has an owner, no commands take its last
// one.
func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s ownership.State
		for i := range rapid.IntRange(1, 100).Draw(t, "commands") {
			had := len(s.Owners)
			id := fmt.Sprint("u", rapid.IntRange(1, 4).Draw(t, "user"))
			var c ownership.Command = ownership.Release{UserID: id, At: t0}
			if rapid.Bool().Draw(t, "grant") {
				c = ownership.Grant{UserID: id, At: t0}
			}
			events, err := ownership.Decide(s, c)
			if err != nil {
				require.ErrorIs(t, err, ownership.ErrLastOwner)
			}
			for _, e := range events {
				s = ownership.Apply(s, e)
			}
			require.True(t, slices.IsSorted(s.Owners))
			require.Len(t, slices.Compact(slices.Clone(s.Owners)), len(s.Owners))
			if had > 0 {
				require.NotEmpty(t, s.Owners, "after command %d", i)
			}
		}
	})
}

type decision struct {
	name  string
	given []ownership.Event
	when  ownership.Command
	then  []ownership.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := ownership.Decide(given(d.given...), d.when)
			if d.code == "" {
				require.NoError(t, err)
				require.Equal(t, d.then, events)
				return
			}
			code, field, _ := strings.Cut(d.code, " ")
			refusal := domaintest.RequireRefused(t, err, code)
			require.Empty(t, events)
			if field != "" {
				require.NotEmpty(t, refusal.Fields)
				require.Equal(t, field, refusal.Fields[0].Field+" "+refusal.Fields[0].Code)
			}
		})
	}
}

func given(history ...ownership.Event) ownership.State {
	var s ownership.State
	for _, e := range history {
		s = ownership.Apply(s, e)
	}
	return s
}
