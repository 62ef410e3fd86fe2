package projection_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/domain"
	"tansu.cloud/domain/projection"
)

// TestAnyCommands sends arbitrary commands and checks after each what must hold
// for every projection.
func TestAnyCommands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := given(on)
		for _, c := range rapid.SliceOfN(commands(), 1, 60).Draw(t, "commands") {
			before := s
			decided, err := projection.Decide(s, c)
			if err != nil {
				var refusal *domain.Error
				require.True(t, errors.As(err, &refusal))
				require.Empty(t, decided, "refused, yet decided")
			}
			for _, e := range decided {
				next := projection.Apply(s, e)
				require.NotEqual(t, s, next, "%s changed nothing", e.EventType())
				s = next
			}
			requireSound(t, before, s)
			repeated, err := projection.Decide(s, c)
			if isReport(c) && err == nil {
				require.Empty(t, repeated, "a repeated report changes something")
			}
		}
	})
}

func requireSound(t *rapid.T, before, after projection.State) {
	require.Equal(t, "tenant_directory", after.Name)
	require.GreaterOrEqual(t, after.Active.Generation, before.Active.Generation, "no way back to an old generation")
	require.GreaterOrEqual(t, after.LastGeneration, before.LastGeneration)
	require.LessOrEqual(t, after.Active.Generation, after.LastGeneration)
	generations := map[int]bool{after.Active.Generation: true}
	if after.Building != nil {
		require.Greater(t, after.Building.Generation, after.Active.Generation)
		require.Equal(t, after.LastGeneration, after.Building.Generation)
		generations[after.Building.Generation] = true
	}
	type stream struct {
		generation  int
		tenant, typ string
		id          string
	}
	seen := map[stream]bool{}
	for id, letter := range after.DeadLetters {
		require.True(t, generations[letter.Generation], "dead letter %s of generation %d, which is gone", id, letter.Generation)
		key := stream{letter.Generation, letter.TenantID, letter.StreamType, letter.StreamID}
		require.False(t, seen[key], "stream parked twice")
		seen[key] = true
		if old, open := before.DeadLetters[id]; open {
			require.GreaterOrEqual(t, letter.Attempts, old.Attempts)
		}
	}
}

// isReport tells the commands of the runner, which it may repeat.
func isReport(c projection.Command) bool {
	switch c.(type) {
	case projection.Switch, projection.ParkStream, projection.ResolveStream:
		return true
	}
	return false
}

func commands() *rapid.Generator[projection.Command] {
	id := rapid.SampledFrom([]string{"x", "y", "z"})
	reason := rapid.SampledFrom([]string{"", "why", "a\x00"})
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) projection.Command {
			return projection.StartRebuild{Version: rapid.IntRange(-1, 3).Draw(t, "version"), Reason: reason.Draw(t, "reason")}
		}),
		rapid.Custom(func(t *rapid.T) projection.Command {
			return projection.Switch{
				Name:       rapid.SampledFrom([]string{"tenant_directory", "tenant_directory", "x-y"}).Draw(t, "name"),
				Generation: rapid.IntRange(0, 5).Draw(t, "generation"), Version: rapid.IntRange(0, 3).Draw(t, "version"),
			}
		}),
		rapid.Custom(func(t *rapid.T) projection.Command {
			return projection.ParkStream{
				DeadLetterID: id.Draw(t, "letter"), Generation: rapid.IntRange(1, 4).Draw(t, "generation"),
				TenantID: "t1", StreamType: "tenant", StreamID: id.Draw(t, "stream"),
				Position: rapid.Int64Range(0, 9).Draw(t, "position"), Version: 1,
				EventID: "e", EventType: "tenant.renamed", Error: rapid.String().Draw(t, "error"),
				Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
			}
		}),
		rapid.Map(reason, func(s string) projection.Command { return projection.CancelRebuild{Reason: s} }),
		rapid.Map(reason, func(s string) projection.Command { return projection.Pause{Reason: s} }),
		rapid.Map(reason, func(s string) projection.Command { return projection.Resume{Reason: s} }),
		rapid.Map(id, func(s string) projection.Command { return projection.RequestRedrive{DeadLetterID: s} }),
		rapid.Map(id, func(s string) projection.Command { return projection.ResolveStream{DeadLetterID: s, Applied: 1} }),
		rapid.Custom(func(t *rapid.T) projection.Command {
			return projection.Discard{DeadLetterID: id.Draw(t, "letter"), Reason: reason.Draw(t, "reason")}
		}),
	)
}
