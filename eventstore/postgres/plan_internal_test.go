package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
)

// Two flights are lost, so the requests of the second one expected positions
// that never came to be. The next attempt finds them lower ones, and is lost too:
// that is where to look for them.
func TestDoubtLooksFromTheLowestPosition(t *testing.T) {
	r := &request{}
	for _, attempt := range []struct{ at, after int64 }{{12, 12}, {10, 10}, {14, 10}} {
		p := &plan{old: eventstore.Head{Position: attempt.at}, placed: []placed{{request: r}}}
		p.doubt()
		require.True(t, r.inDoubt)
		require.Equal(t, attempt.after, r.doubtAfter)
	}
}
