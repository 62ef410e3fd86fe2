package job_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/domain"
	"tansu.cloud/domain/job"
)

func died(claim int64) job.Death {
	return job.Death{ID: "j", Kind: "mail", Key: "k", Claim: claim, Dead: true}
}

var (
	alive    = job.Death{ID: "j", Kind: "mail", Key: "k", Claim: 9}
	redriven = job.Redriven{JobID: "j", Kind: "mail", Key: "k", Claim: 8}
	given    = job.Discarded{JobID: "j", Kind: "mail", Key: "k", Claim: 9, Reason: "test data"}
)

type events = []job.Event

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		given events
		when  job.Command
		then  events
		code  string // of the refusal
	}{
		{"re-drive", nil, job.Redrive{Death: died(8)}, events{redriven}, ""},
		{"re-drive twice", events{redriven}, job.Redrive{Death: died(8)}, nil, ""},
		{"re-drive twice, and it runs already", events{redriven}, job.Redrive{Death: alive}, nil, "job.not_dead"},
		{"re-drive after the next death", events{redriven}, job.Redrive{Death: died(9)}, events{job.Redriven{JobID: "j", Kind: "mail", Key: "k", Claim: 9}}, ""},
		{"re-drive what does not wait", nil, job.Redrive{Death: alive}, nil, "job.not_dead"},
		{"re-drive what was given up", events{given}, job.Redrive{Death: died(9)}, nil, "job.not_dead"},
		{"discard", events{redriven}, job.Discard{Death: died(9), Reason: " test data "}, events{given}, ""},
		{"discard twice", events{given}, job.Discard{Death: alive, Reason: "again"}, nil, ""},
		{"discard without a reason", nil, job.Discard{Death: died(9)}, nil, "job.command_invalid"},
		{"discard what was re-driven", events{redriven}, job.Discard{Death: died(8), Reason: "r"}, nil, "job.not_dead"},
		{"discard what does not wait", nil, job.Discard{Death: alive, Reason: "r"}, nil, "job.not_dead"},
		{"nothing", nil, nil, nil, "job.command_unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var s job.State
			for _, e := range tc.given {
				s = job.Apply(s, e)
			}
			events, err := job.Decide(s, tc.when)
			if tc.code != "" {
				var refusal *domain.Error
				require.True(t, errors.As(err, &refusal), "%v", err)
				require.Equal(t, tc.code, refusal.Code)
				require.Empty(t, events)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, events)
		})
	}
}

// TestADeathIsDecidedOnce: whatever is asked in whatever order, no death has two
// events, and nothing follows a discard.
func TestADeathIsDecidedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s job.State
		decided := map[int64]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "commands") {
			d := died(rapid.Int64Range(1, 5).Draw(t, "claim"))
			d.Dead = rapid.Bool().Draw(t, "dead")
			var c job.Command = job.Redrive{Death: d}
			if rapid.Bool().Draw(t, "discard") {
				c = job.Discard{Death: d, Reason: "r"}
			}
			before := s
			events, err := job.Decide(s, c)
			require.False(t, err != nil && len(events) > 0)
			for _, e := range events {
				require.False(t, before.Discarded)
				require.True(t, d.Dead)
				require.False(t, decided[d.Claim])
				decided[d.Claim] = true
				s = job.Apply(s, e)
				require.Equal(t, d.Claim, s.Claim)
			}
		}
	})
}
