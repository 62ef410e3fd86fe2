package invite_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/invite"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	end      = t0.Add(7 * 24 * time.Hour)
	created  = invite.Created{ID: "i1", Email: "ada@example.com", EmailIndex: "x1", Roles: []string{"admin", "auditor"}, TokenID: "k1", ExpiresAt: end, At: t0}
	revoked  = invite.Revoked{ID: "i1", Reason: "wrong", At: t1}
	accepted = invite.Accepted{ID: "i1", UserID: "u1", At: t1}
	resent   = invite.Resent{ID: "i1", TokenID: "k2", ExpiresAt: t1.Add(invite.Lifetime), At: t1}
	create   = invite.Create{ID: "i1", Email: "Ada@example.com", EmailIndex: "x1", Roles: []string{"auditor", "admin"}, TokenID: "k1", At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []invite.Event
	accept := func(at time.Time) invite.Accept { return invite.Accept{UserID: "u1", EmailIndex: "x1", At: at} }
	requireDecisions(t, []decision{
		{"create", nil, create, events{created}, ""},
		{"create twice", events{created}, create, nil, "invite.already_exists"},
		{"create for no address", nil, invite.Create{ID: "i1", Email: "ada", Roles: []string{"viewer"}, TokenID: "k1", At: t0}, nil, "invite.command_invalid /email malformed"},
		{"create without roles", nil, invite.Create{ID: "i1", Email: "a@b.de", EmailIndex: "x", TokenID: "k1", At: t0}, nil, "invite.command_invalid /roles required"},
		{"create without a token", nil, invite.Create{ID: "i1", Email: "a@b.de", EmailIndex: "x", Roles: []string{"viewer"}, At: t0}, nil, "invite.command_invalid /token_id required"},

		{"resend", events{created}, invite.Resend{TokenID: "k2", At: t1}, events{resent}, ""},
		{"resend an expired one", events{created}, invite.Resend{TokenID: "k2", At: end}, events{invite.Resent{ID: "i1", TokenID: "k2", ExpiresAt: end.Add(invite.Lifetime), At: end}}, ""},
		{"resend a revoked one", events{created, revoked}, invite.Resend{TokenID: "k2", At: t2}, nil, "invite.revoked"},
		{"resend an accepted one", events{created, accepted}, invite.Resend{TokenID: "k2", At: t2}, nil, "invite.accepted"},
		{"resend nothing", nil, invite.Resend{TokenID: "k2", At: t2}, nil, "invite.not_found"},

		{"revoke", events{created}, invite.Revoke{Reason: " wrong ", At: t1}, events{revoked}, ""},
		{"revoke twice", events{created, revoked}, invite.Revoke{At: t2}, nil, ""},
		{"revoke an accepted one", events{created, accepted}, invite.Revoke{At: t2}, nil, "invite.accepted"},

		{"accept", events{created}, accept(t1), events{accepted}, ""},
		{"accept at the last moment", events{created}, accept(end.Add(-time.Microsecond)), events{invite.Accepted{ID: "i1", UserID: "u1", At: end.Add(-time.Microsecond)}}, ""},
		{"accept too late", events{created}, accept(end), nil, "invite.expired"},
		{"accept late after it was sent again", events{created, resent}, accept(end), events{invite.Accepted{ID: "i1", UserID: "u1", At: end}}, ""},
		{"accept a revoked one", events{created, revoked}, accept(t2), nil, "invite.revoked"},
		{"accept twice", events{created, accepted}, accept(t2), nil, ""},
		{"accept another's", events{created, accepted}, invite.Accept{UserID: "u2", EmailIndex: "x1", At: t2}, nil, "invite.accepted"},
		{"accept with another address", events{created}, invite.Accept{UserID: "u2", EmailIndex: "x2", At: t1}, nil, "invite.other_address"},
		{"accept as an erased user", events{created}, invite.Accept{UserID: "u2", At: t1}, nil, "invite.other_address"},
		{"accept nothing", nil, accept(t1), nil, "invite.not_found"},
	})
	require.Equal(t, invite.State{
		ID: "i1", Email: "ada@example.com", EmailIndex: "x1", Roles: []string{"admin", "auditor"}, TokenID: "k2", Status: invite.StatusAccepted,
		AcceptedBy: "u1", ExpiresAt: t1.Add(invite.Lifetime), CreatedAt: t0, UpdatedAt: t1,
	}, given(created, resent, accepted))
	require.Equal(t, "wrong", given(created, revoked).RevokedReason)
}

type decision struct {
	name  string
	given []invite.Event
	when  invite.Command
	then  []invite.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := invite.Decide(given(d.given...), d.when)
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

func given(history ...invite.Event) invite.State {
	var s invite.State
	for _, e := range history {
		s = invite.Apply(s, e)
	}
	return s
}
