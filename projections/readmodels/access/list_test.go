package access_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/page"
)

type row interface{ Cursor() page.Cursor }

// list goes through a list page by page.
func list[R row](t *testing.T, read func(context.Context, uuid.UUID, access.Page) ([]R, bool, error), tenant uuid.UUID, p access.Page) (found []page.Cursor) {
	t.Helper()
	for more := true; more; {
		page, next, err := read(t.Context(), tenant, p)
		require.NoError(t, err)
		for _, r := range page {
			found = append(found, r.Cursor())
		}
		if more = next; more {
			require.Len(t, page, p.Limit)
			p.After = &found[len(found)-1]
		}
	}
	return found
}

func TestListsPageByPage(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	b := newBatches(t, pool)
	var order []page.Cursor
	for i := range 23 {
		c := page.Cursor{At: start.Add(time.Duration(i/3) * time.Second), ID: uuid.New()} // times repeat
		order = append(order, c)
		id := c.ID.String()
		b.happen(member.StreamType, id, member.Added{UserID: id, At: c.At})
		b.happen(invite.StreamType, id, invite.Created{ID: id, At: c.At})
		b.happen(apikey.StreamType, id, apikey.Created{ID: id, CreatedBy: makerOf(id), At: c.At})
	}
	slices.SortFunc(order, func(x, y page.Cursor) int { return cmp.Or(x.At.Compare(y.At), slices.Compare(x.ID[:], y.ID[:])) })
	gone := order[7].ID.String()
	b.happen(invite.StreamType, gone, invite.Revoked{ID: gone, At: start})
	b.happen(apikey.StreamType, gone, apikey.Revoked{ID: gone, At: start})
	b.flush()

	require.Equal(t, order, list(t, dir.Members, b.tenant, access.Page{Limit: 5}), "oldest first")
	slices.Reverse(order)
	require.Equal(t, order, list(t, dir.Invites, b.tenant, access.Page{Limit: 5}), "newest first")
	require.Equal(t, order, list(t, dir.APIKeys, b.tenant, access.Page{}), "newest first")
	maker := makerOf(order[0].ID.String())
	theirs := slices.DeleteFunc(slices.Clone(order), func(c page.Cursor) bool { return makerOf(c.ID.String()) != maker })
	require.Equal(t, theirs, list(t, dir.Invites, b.tenant, access.Page{CreatedBy: maker, Limit: 1}))
	require.Equal(t, theirs, list(t, dir.APIKeys, b.tenant, access.Page{CreatedBy: maker, Limit: 1}))
	require.Empty(t, list(t, dir.APIKeys, b.tenant, access.Page{CreatedBy: "user:later"}))
	at := slices.IndexFunc(order, func(c page.Cursor) bool { return c.ID.String() == gone })
	require.Equal(t, order[at:at+1], list(t, dir.Invites, b.tenant, access.Page{Status: access.InviteRevoked}))
	require.Equal(t, order[at:at+1], list(t, dir.APIKeys, b.tenant, access.Page{Status: access.APIKeyRevoked}))
	order = slices.Delete(order, at, at+1)
	require.Equal(t, order, list(t, dir.Invites, b.tenant, access.Page{Status: access.InviteOpen, Limit: 11}))
	require.Equal(t, order, list(t, dir.APIKeys, b.tenant, access.Page{Status: access.APIKeyLive, Limit: 3}))

	require.Empty(t, list(t, dir.Members, uuid.New(), access.Page{}), "another tenant's")
	require.Empty(t, list(t, dir.Invites, eventstore.SystemTenant, access.Page{}))
	_, _, err := dir.Invites(t.Context(), b.tenant, access.Page{Status: "\x00"})
	require.ErrorIs(t, err, page.ErrBadQuery)
	_, _, err = dir.APIKeys(t.Context(), b.tenant, access.Page{Status: "\xff"})
	require.ErrorIs(t, err, page.ErrBadQuery)
	_, _, err = dir.APIKeys(t.Context(), b.tenant, access.Page{CreatedBy: "\xff"})
	require.ErrorIs(t, err, page.ErrBadQuery)
	_, more, err := dir.Members(t.Context(), b.tenant, access.Page{Limit: 1 << 40})
	require.NoError(t, err)
	require.False(t, more)
}
