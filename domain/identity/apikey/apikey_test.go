package apikey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/apikey"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	created = apikey.Created{ID: "k1", Slot: 3, Name: "Import", Permissions: []string{"events.read", "jobs.read"}, ExpiresAt: t2, CreatedBy: "user:u1", Hint: "x7Qp", At: t0}
	revoked = apikey.Revoked{ID: "k1", Slot: 3, Reason: "leaked", At: t1}
	create  = apikey.Create{ID: "k1", Slot: 3, Name: " Import ", Permissions: []string{"jobs.read", "events.read"}, ExpiresAt: t2, CreatedBy: "user:u1", Hint: "x7Qp", At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []apikey.Event
	with := func(change func(*apikey.Create)) apikey.Create {
		c := create
		change(&c)
		return c
	}
	forever := created
	forever.ExpiresAt = time.Time{}
	requireDecisions(t, []decision{
		{"create", nil, create, events{created}, ""},
		{"create in another zone", nil, with(func(c *apikey.Create) { c.ExpiresAt = t2.In(time.FixedZone("", 3600)).Add(7) }), events{created}, ""},
		{"create for ever", nil, with(func(c *apikey.Create) { c.ExpiresAt = time.Time{} }), events{forever}, ""},
		{"create twice", events{created}, create, nil, "api_key.already_exists"},
		{"create without a slot", nil, with(func(c *apikey.Create) { c.Slot = 201 }), nil, "api_key.too_many"},
		{"create without an id", nil, with(func(c *apikey.Create) { c.ID = "" }), nil, "api_key.command_invalid /id required"},
		{"create without a name", nil, with(func(c *apikey.Create) { c.Name = "" }), nil, "api_key.command_invalid /name required"},
		{"create an expired one", nil, with(func(c *apikey.Create) { c.ExpiresAt = t0 }), nil, "api_key.command_invalid /expires_at past"},
		{"create with too long a hint", nil, with(func(c *apikey.Create) { c.Hint = "123456789" }), nil, "api_key.command_invalid /hint too_long"},
		{"permit nothing", nil, with(func(c *apikey.Create) { c.Permissions = nil }), nil, "api_key.command_invalid /permissions required"},
		{"permit making owners", nil, with(func(c *apikey.Create) { c.Permissions = []string{"owners.manage"} }), nil, "api_key.command_invalid /permissions/0 owner_only"},
		{"permit what is the platform's", nil, with(func(c *apikey.Create) { c.Permissions = []string{"users.read"} }), nil, "api_key.command_invalid /permissions/0 platform_only"},

		{"rename", events{created}, apikey.Rename{Name: " N ", At: t1}, events{apikey.Renamed{ID: "k1", Name: "N", At: t1}}, ""},
		{"rename to the same", events{created}, apikey.Rename{Name: "Import", At: t1}, nil, ""},
		{"rename a revoked one", events{created, revoked}, apikey.Rename{Name: "N", At: t2}, nil, "api_key.not_found"},
		{"rename nothing", nil, apikey.Rename{Name: "N", At: t1}, nil, "api_key.not_found"},
		{"revoke", events{created}, apikey.Revoke{Reason: "leaked ", At: t1}, events{revoked}, ""},
		{"revoke twice", events{created, revoked}, apikey.Revoke{At: t2}, nil, ""},
	})
	require.Equal(t, apikey.State{
		ID: "k1", Slot: 3, Name: "N", Permissions: created.Permissions, ExpiresAt: t2, CreatedBy: "user:u1", Hint: "x7Qp",
		Status: apikey.StatusRevoked, RevokedReason: "leaked", CreatedAt: t0, UpdatedAt: t1,
	}, given(created, apikey.Renamed{ID: "k1", Name: "N", At: t1}, revoked))
}

type decision struct {
	name  string
	given []apikey.Event
	when  apikey.Command
	then  []apikey.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := apikey.Decide(given(d.given...), d.when)
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

func given(history ...apikey.Event) apikey.State {
	var s apikey.State
	for _, e := range history {
		s = apikey.Apply(s, e)
	}
	return s
}
