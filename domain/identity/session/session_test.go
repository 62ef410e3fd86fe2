package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/session"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	started = session.Started{SessionID: "s1", UserID: "u1", Method: "password", Address: "192.0.2.7", UserAgent: "Mozilla", At: t0}
	ended   = session.Ended{SessionID: "s1", UserID: "u1", Reason: "signed out", At: t1}
	start   = session.Start{SessionID: "s1", UserID: "u1", Method: "password", Address: "192.0.2.7", UserAgent: "Mozilla", At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []session.Event
	odd, cleaned := start, started
	odd.UserAgent, cleaned.UserAgent = " Mo\x00zi\xffl\nla"+strings.Repeat("ä", 400), "Mozilla"+strings.Repeat("ä", 292)
	confined, alone := start, start
	confined.ConfinedTo, confined.ProviderID, alone.ConfinedTo = "t1", "p1", "t1"
	requireDecisions(t, []decision{
		{"start", nil, start, events{started}, ""},
		{"start from an odd browser", nil, odd, events{cleaned}, ""},
		{"start twice", events{started}, start, nil, "session.already_exists"},
		{"start for nobody", nil, session.Start{SessionID: "s1", Method: "link", At: t0}, nil, "session.command_invalid /user_id required"},
		{"start without a method", nil, session.Start{SessionID: "s1", UserID: "u1", At: t0}, nil, "session.command_invalid /method required"},
		{"start for one tenant", nil, confined, events{session.Started{
			SessionID: "s1", UserID: "u1", Method: "password", Address: "192.0.2.7", UserAgent: "Mozilla", At: t0, ConfinedTo: "t1", ProviderID: "p1",
		}}, ""},
		{"start for one tenant by nobody", nil, alone, nil, "session.command_invalid /provider_id required"},
		{"end", events{started}, session.End{Reason: " signed out ", At: t1}, events{ended}, ""},
		{"end twice", events{started, ended}, session.End{At: t2}, nil, ""},
		{"end nothing", nil, session.End{At: t1}, nil, "session.not_found"},
	})
	require.Equal(t, session.State{
		SessionID: "s1", UserID: "u1", Method: "password", StartedAt: t0, EndedAt: t1, EndedReason: "signed out",
	}, given(started, ended))
}

type decision struct {
	name  string
	given []session.Event
	when  session.Command
	then  []session.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := session.Decide(given(d.given...), d.when)
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

func given(history ...session.Event) session.State {
	var s session.State
	for _, e := range history {
		s = session.Apply(s, e)
	}
	return s
}
