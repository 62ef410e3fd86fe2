package serviceaccount_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/serviceaccount"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	created  = serviceaccount.Created{ID: "a1", Slot: 3, Name: "ERP", Roles: []string{"auditor", "developer"}, SecretID: "s1", At: t0}
	disabled = serviceaccount.Disabled{ID: "a1", Reason: "odd", At: t1}
	deleted  = serviceaccount.Deleted{ID: "a1", Slot: 3, At: t1}
	create   = serviceaccount.Create{ID: "a1", Slot: 3, Name: "ERP ", Roles: []string{"developer", "auditor"}, SecretID: "s1", At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []serviceaccount.Event
	with := func(change func(*serviceaccount.Create)) serviceaccount.Create {
		c := create
		change(&c)
		return c
	}
	requireDecisions(t, []decision{
		{"create", nil, create, events{created}, ""},
		{"create twice", events{created}, create, nil, "service_account.already_exists"},
		{"create over a deleted one", events{created, deleted}, create, nil, "service_account.already_exists"},
		{"create without a slot", nil, with(func(c *serviceaccount.Create) { c.Slot = 0 }), nil, "service_account.too_many"},
		{"create without a secret", nil, with(func(c *serviceaccount.Create) { c.SecretID = "" }), nil, "service_account.command_invalid /secret_id required"},
		{"create an owner", nil, with(func(c *serviceaccount.Create) { c.Roles = []string{"viewer", "owner"} }), nil, "service_account.command_invalid /roles/1 owner"},
		{"create without roles", nil, with(func(c *serviceaccount.Create) { c.Roles = nil }), nil, "service_account.command_invalid /roles required"},

		{"change", events{created}, serviceaccount.Change{Name: "N", Roles: []string{"viewer"}, At: t1},
			events{serviceaccount.Changed{ID: "a1", Name: "N", Roles: []string{"viewer"}, At: t1}}, ""},
		{"change nothing", events{created}, serviceaccount.Change{Name: "ERP", Roles: create.Roles, At: t1}, nil, ""},
		{"change to an owner", events{created}, serviceaccount.Change{Name: "ERP", Roles: []string{"owner"}, At: t1}, nil, "service_account.command_invalid /roles/0 owner"},
		{"change a deleted one", events{created, deleted}, serviceaccount.Change{Name: "N", Roles: []string{"viewer"}, At: t2}, nil, "service_account.not_found"},

		{"rotate", events{created}, serviceaccount.RotateSecret{SecretID: "s2", Overlap: time.Hour, At: t1},
			events{serviceaccount.SecretRotated{ID: "a1", SecretID: "s2", PreviousUntil: t2, At: t1}}, ""},
		{"rotate to the same", events{created}, serviceaccount.RotateSecret{SecretID: "s1", At: t1}, nil, ""},
		{"rotate to none", events{created}, serviceaccount.RotateSecret{At: t1}, nil, "service_account.command_invalid /secret_id required"},
		{"rotate with too long an overlap", events{created}, serviceaccount.RotateSecret{SecretID: "s2", Overlap: 8 * 24 * time.Hour, At: t1}, nil, "service_account.command_invalid /overlap_seconds out_of_range"},

		{"disable", events{created}, serviceaccount.Disable{Reason: "odd", At: t1}, events{disabled}, ""},
		{"disable without a reason", events{created}, serviceaccount.Disable{At: t1}, nil, "service_account.command_invalid /reason required"},
		{"disable twice", events{created, disabled}, serviceaccount.Disable{Reason: "x", At: t2}, nil, ""},
		{"enable", events{created, disabled}, serviceaccount.Enable{At: t2}, events{serviceaccount.Enabled{ID: "a1", At: t2}}, ""},
		{"enable an enabled one", events{created}, serviceaccount.Enable{At: t2}, nil, ""},
		{"delete", events{created}, serviceaccount.Delete{At: t1}, events{deleted}, ""},
		{"delete twice", events{created, deleted}, serviceaccount.Delete{At: t2}, nil, "service_account.not_found"},
	})
	require.Equal(t, serviceaccount.State{
		ID: "a1", Slot: 3, Name: "N", Roles: []string{"viewer"}, Status: serviceaccount.StatusDisabled, DisabledReason: "odd",
		SecretID: "s2", PreviousSecretID: "s1", PreviousUntil: t2, CreatedAt: t0, UpdatedAt: t1,
	}, given(created, serviceaccount.Changed{ID: "a1", Name: "N", Roles: []string{"viewer"}, At: t1},
		serviceaccount.SecretRotated{ID: "a1", SecretID: "s2", PreviousUntil: t2, At: t1}, disabled))
	require.Empty(t, given(created, deleted).Roles)
}

type decision struct {
	name  string
	given []serviceaccount.Event
	when  serviceaccount.Command
	then  []serviceaccount.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := serviceaccount.Decide(given(d.given...), d.when)
			if d.code == "" {
				require.NoError(t, err)
				require.Equal(t, d.then, events)
				return
			}
			code, field, _ := strings.Cut(d.code, " ")
			refusal := requireRefused(t, err, code)
			require.Empty(t, events)
			if field != "" {
				require.NotEmpty(t, refusal.Fields)
				require.Equal(t, field, refusal.Fields[0].Field+" "+refusal.Fields[0].Code)
			}
		})
	}
}

func given(history ...serviceaccount.Event) serviceaccount.State {
	var s serviceaccount.State
	for _, e := range history {
		s = serviceaccount.Apply(s, e)
	}
	return s
}

func requireRefused(t *testing.T, err error, code string) *domain.Error {
	t.Helper()
	var refusal *domain.Error
	require.True(t, errors.As(err, &refusal), "got %v", err)
	require.Equal(t, code, refusal.Code)
	return refusal
}
