package maildomain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/maildomain"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)

	held     = maildomain.Held{Domain: "example.com", TenantID: "a", ProviderID: "p", At: t0}
	released = maildomain.Released{Domain: "example.com", TenantID: "a", At: t1}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []maildomain.Event
	hold := func(tenant, provider string) maildomain.Hold {
		return maildomain.Hold{Domain: "example.com", TenantID: tenant, ProviderID: provider, At: t0}
	}
	for _, d := range []struct {
		name  string
		given events
		when  maildomain.Command
		then  events
		err   error
	}{
		{"hold", nil, hold("a", "p"), events{held}, nil},
		{"hold again", events{held}, hold("a", "p"), nil, nil},
		{"hold what is another's", events{held}, hold("b", "q"), nil, maildomain.ErrTaken},
		{"hold with another provider", events{held}, hold("a", "q"), events{maildomain.Held{Domain: "example.com", TenantID: "a", ProviderID: "q", At: t0}}, nil},
		{"hold what was released", events{held, released}, hold("b", "q"), events{maildomain.Held{Domain: "example.com", TenantID: "b", ProviderID: "q", At: t0}}, nil},
		{"release", events{held}, maildomain.Release{TenantID: "a", ProviderID: "p", At: t1}, events{released}, nil},
		{"release again", events{held, released}, maildomain.Release{TenantID: "a", ProviderID: "p", At: t1}, nil, nil},
		{"release what is another's", events{held}, maildomain.Release{TenantID: "b", ProviderID: "p", At: t1}, nil, nil},
		{"release what leads elsewhere", events{held}, maildomain.Release{TenantID: "a", ProviderID: "q", At: t1}, nil, nil},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var s maildomain.State
			for _, e := range d.given {
				s = maildomain.Apply(s, e)
			}
			events, err := maildomain.Decide(s, d.when)
			require.Equal(t, d.err, err)
			require.Equal(t, d.then, events)
		})
	}
	_, err := maildomain.Decide(maildomain.State{}, hold("", "p"))
	require.ErrorContains(t, err, "mail_domain.command_invalid")
}
