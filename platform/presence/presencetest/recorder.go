package presencetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/presence"
)

const (
	patience = 20 * time.Second // for what another process or Redis decides
	tick     = 5 * time.Millisecond
)

// Recorder keeps what a listener has received.
type Recorder struct {
	mu       sync.Mutex
	messages []presence.Message
}

// Listen records a channel until the test ends.
func Listen(t testing.TB, channels presence.Channels, c presence.Channel) *Recorder {
	r := &Recorder{}
	t.Cleanup(channels.Listen(c, r.record))
	return r
}

func (r *Recorder) record(m presence.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

// Messages returns what has arrived so far.
func (r *Recorder) Messages() []presence.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// Told returns each message as a line: kind, member, data.
func (r *Recorder) Told() []string {
	var lines []string
	for _, m := range r.Messages() {
		line := m.Kind + " " + m.Member.ID
		if len(m.Data) > 0 {
			line += fmt.Sprintf(" %s", m.Data)
		}
		lines = append(lines, line)
	}
	return lines
}

// Await waits until exactly these lines have arrived.
func (r *Recorder) Await(t testing.TB, lines ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) { equal(t, lines, r.Told()) }, patience, tick)
}

// Present returns who is there according to what has arrived.
func (r *Recorder) Present() []string {
	present := map[string]bool{}
	for _, m := range r.Messages() {
		switch m.Kind {
		case presence.KindJoined:
			present[m.Member.ID] = true
		case presence.KindLeft:
			delete(present, m.Member.ID)
		}
	}
	return slices.Sorted(maps.Keys(present))
}

// AwaitPresent waits until exactly these members are there, according to what has
// arrived.
func AwaitPresent(t testing.TB, r *Recorder, ids ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(ct *assert.CollectT) { equal(ct, ids, r.Present()) }, patience, tick)
}

// AwaitMembers waits until an engine lists exactly these members.
func AwaitMembers(t testing.TB, channels presence.Channels, c presence.Channel, ids ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(ct *assert.CollectT) {
		members, err := channels.Members(t.Context(), c)
		require.NoError(ct, err)
		equal(ct, ids, idsOf(members))
	}, patience, tick)
}

// equal takes nil and empty for the same.
func equal(t require.TestingT, want, got []string) {
	if len(want) > 0 || len(got) > 0 {
		require.Equal(t, want, got)
	}
}

func idsOf(members []presence.Member) []string {
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids
}
