package user_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/user"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	registered = user.Registered{UserID: "u1", Email: "ada@example.com", EmailIndex: "i1", Name: "Ada", At: t0}
	password   = user.PasswordSet{UserID: "u1", PasswordID: "p1", At: t0}
	disabled   = user.Disabled{UserID: "u1", Reason: "left", At: t1}
	erased     = user.Erased{UserID: "u1", EmailIndex: "i1", Reason: "asked to", At: t1}
	register   = user.Register{UserID: "u1", Email: " Ada@Example.com ", EmailIndex: "i1", Name: " Ada ", At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []user.Event
	with := func(change func(*user.Register)) user.Register {
		c := register
		change(&c)
		return c
	}
	requireDecisions(t, []decision{
		{"register", nil, register, events{registered}, ""},
		{"register with a password", nil, with(func(c *user.Register) { c.PasswordID = "p1" }), events{registered, password}, ""},
		{"register twice", events{registered}, register, nil, "user.already_exists"},
		{"register an erased one", events{registered, erased}, register, nil, "user.already_exists"},
		{"register without an address", nil, with(func(c *user.Register) { c.Email = "" }), nil, "user.command_invalid /email required"},
		{"register without an index", nil, with(func(c *user.Register) { c.EmailIndex = "" }), nil, "user.command_invalid /email_index required"},
		{"register without an id", nil, with(func(c *user.Register) { c.UserID = "" }), nil, "user.command_invalid /id required"},
		{"register without a name", nil, with(func(c *user.Register) { c.Name = " " }), nil, "user.command_invalid /name required"},
		{"register with a long name", nil, with(func(c *user.Register) { c.Name = strings.Repeat("ä", 201) }), nil, "user.command_invalid /name too_long"},

		{"verify", events{registered}, user.VerifyEmail{At: t1}, events{user.EmailVerified{UserID: "u1", At: t1}}, ""},
		{"verify again", events{registered, user.EmailVerified{UserID: "u1", At: t1}}, user.VerifyEmail{At: t2}, nil, ""},
		{"rename", events{registered}, user.Rename{Name: " Ada King ", At: t1}, events{user.Renamed{UserID: "u1", Name: "Ada King", At: t1}}, ""},
		{"rename to the same", events{registered}, user.Rename{Name: "Ada", At: t1}, nil, ""},
		{"rename to nothing", events{registered}, user.Rename{At: t1}, nil, "user.command_invalid /name required"},
		{"rename nobody", nil, user.Rename{Name: "Ada", At: t1}, nil, "user.not_found"},
		{"rename an erased one", events{registered, erased}, user.Rename{Name: "Ada", At: t2}, nil, "user.erased"},

		{"set a password", events{registered}, user.SetPassword{PasswordID: "p1", At: t0}, events{password}, ""},
		{"set the same", events{registered, password}, user.SetPassword{PasswordID: "p1", At: t1}, nil, ""},
		{"set none", events{registered}, user.SetPassword{At: t1}, nil, "user.command_invalid /password_id required"},
		{"set one while disabled", events{registered, disabled}, user.SetPassword{PasswordID: "p1", At: t2}, nil, "user.not_active"},

		{"disable", events{registered}, user.Disable{Reason: " left\n", At: t1}, events{disabled}, ""},
		{"disable without a reason", events{registered}, user.Disable{At: t1}, nil, "user.command_invalid /reason required"},
		{"disable twice", events{registered, disabled}, user.Disable{Reason: "x", At: t2}, nil, ""},
		{"enable", events{registered, disabled}, user.Enable{At: t2}, events{user.Enabled{UserID: "u1", At: t2}}, ""},
		{"enable an active one", events{registered}, user.Enable{At: t2}, nil, ""},

		{"erase", events{registered}, user.Erase{Reason: "asked to", At: t1}, events{erased}, ""},
		{"erase a disabled one", events{registered, disabled}, user.Erase{Reason: "asked to", At: t1}, events{erased}, ""},
		{"erase twice", events{registered, erased}, user.Erase{Reason: "asked to", At: t2}, nil, ""},
		{"erase without a reason", events{registered}, user.Erase{At: t1}, nil, "user.command_invalid /reason required"},
		{"erase nobody", nil, user.Erase{Reason: "x", At: t1}, nil, "user.not_found"},
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := given(registered, password, user.EmailVerified{UserID: "u1", At: t1}, user.Renamed{UserID: "u1", Name: "Ada King", At: t1}, disabled)
	require.Equal(t, user.State{
		UserID: "u1", Email: "ada@example.com", EmailIndex: "i1", Name: "Ada King", Verified: true, Status: user.StatusDisabled,
		DisabledReason: "left", PasswordID: "p1", CreatedAt: t0, UpdatedAt: t1,
	}, s)
	s = user.Apply(s, user.Enabled{UserID: "u1", At: t2})
	require.Equal(t, user.StatusActive, s.Status)
	require.Empty(t, s.DisabledReason)
	require.Equal(t, user.State{UserID: "u1", Status: user.StatusErased, CreatedAt: t0, UpdatedAt: t1}, user.Apply(s, erased))
}

type decision struct {
	name  string
	given []user.Event
	when  user.Command
	then  []user.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := user.Decide(given(d.given...), d.when)
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

func given(history ...user.Event) user.State {
	var s user.State
	for _, e := range history {
		s = user.Apply(s, e)
	}
	return s
}
