package webhooks_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/platform/bus/jobs"
)

// accepted are the positions that a receiver said yes to, by stream.
type accepted struct {
	mu      sync.Mutex
	streams map[string][]int64
}

func (a *accepted) add(m message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams[m.event.StreamID] = append(a.streams[m.event.StreamID], m.position())
}

func (a *accepted) count() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, positions := range a.streams {
		n += len(positions)
	}
	return n
}

func (a *accepted) of(stream string) []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.streams[stream])
}

// TestOrderPerStreamWithFailures: an address that refuses a third of all
// attempts gets every event once, and each stream in order, over restarts of
// the saga and the workers.
func TestOrderPerStreamWithFailures(t *testing.T) {
	t.Parallel()
	const streams, perStream = 6, 12
	e := newEnv(t)
	_, stopSaga := e.follow()
	courier := e.courier()
	got := &accepted{streams: map[string][]int64{}}
	r := newReceiver(t, func(w http.ResponseWriter, m message, seen int) {
		if seen < 6 && rand.IntN(3) == 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		got.add(m)
	})
	h := e.register(webhook.Target{URL: r.URL})
	stopWork := e.work(courier)
	want := map[string][]int64{}
	for i := range streams * perStream {
		stream := string(rune('a' + i%streams))
		want[stream] = append(want[stream], e.append(stream, i))
		if i%24 == 12 {
			stopWork()
			stopSaga()
			_, stopSaga = e.follow()
			stopWork = e.work(courier)
		}
	}
	e.eventually(func() bool { return got.count() >= streams*perStream }, "everything must be delivered")
	for stream, positions := range want {
		require.Equal(t, positions, got.of(stream), "stream %s", stream)
	}
	for _, m := range r.got() {
		require.NoError(t, verify(h.secret, m.header, m.body, m.at))
	}
}

// TestDeliveriesDoNotWaitForAPoll: the saga's commit wakes the workers.
func TestDeliveriesDoNotWaitForAPoll(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.workEvery(time.Hour, e.courier())
	e.follow()
	got := make(chan int64, 10)
	r := newReceiver(t, func(_ http.ResponseWriter, m message, _ int) { got <- m.position() })
	e.register(webhook.Target{URL: r.URL})
	for i := range 5 {
		position := e.append("a", i)
		select {
		case delivered := <-got:
			require.Equal(t, position, delivered)
		case <-time.After(time.Minute):
			require.Fail(t, "nothing was delivered")
		}
	}
}

// TestParkedAndRedriven: a stream whose event is refused for good waits, the
// others go on, and a re-drive delivers what waited in order.
func TestParkedAndRedriven(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	got := &accepted{streams: map[string][]int64{}}
	refuse := func(w http.ResponseWriter, m message, _ int) {
		if m.event.StreamID == "bad" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		got.add(m)
	}
	r := newReceiver(t, refuse)
	h := e.register(webhook.Target{URL: r.URL})
	other := e.register(webhook.Target{URL: r.URL, Topics: []webhook.Topic{{StreamID: "bad"}}})
	e.work(e.courier())
	last := e.append("bad", 1, 2, 3)
	good := e.append("good", 1, 2)
	e.eventually(func() bool { return got.count() == 2 && e.jobs("webhook.deliver", "state = 'dead'") == 2 }, "one stream must be parked for each")
	require.Equal(t, []int64{good - 1, good}, got.of("good"))
	require.Equal(t, 4, e.jobs("webhook.deliver", "state = 'waiting'"))
	log := e.deliveries(h)
	parked := slices.IndexFunc(log, func(d delivery) bool { return d.Outcome == "parked" })
	require.Equal(t, 8, log[parked].Attempt)
	require.Equal(t, last-2, log[parked].Position)

	redrive := func() {
		_, err := e.commands.RedriveWebhook(t.Context(), on(e.tenant, h.id.String(), commands.RedriveWebhook{Reason: "try"}))
		require.NoError(t, err)
		e.settle(runner)
	}
	redrive()
	e.eventually(func() bool {
		return e.jobs("webhook.redrive", "state = 'done'") == 1 && e.jobs("webhook.deliver", "state = 'dead'") == 2
	}, "what is refused again is parked again, and the re-drive ends")

	r.decide(func(_ http.ResponseWriter, m message, _ int) { got.add(m) })
	redrive()
	e.eventually(func() bool { return got.count() == 5 }, "what waited must be delivered")
	require.Equal(t, []int64{last - 2, last - 1, last}, got.of("bad"))
	require.Equal(t, 1, e.jobs("webhook.deliver", "state = 'dead'"), "the other webhook was not re-driven")
	require.NotEmpty(t, e.deliveries(other))
}

// TestReplay delivers a part of the log again, with the ids of before, once,
// however often its job is done.
func TestReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	r := newReceiver(t, nil)
	courier := e.courier()
	before := e.append("a", 1, 2, 3)
	h := e.register(webhook.Target{URL: r.URL, Filter: "data.total != 2"})
	after := e.append("a", 4)
	e.settle(runner)
	replay := uuid.New()
	_, err := e.commands.ReplayWebhook(t.Context(), on(e.tenant, h.id.String(), commands.ReplayWebhook{
		ReplayID: replay.String(), FromPosition: before - 2, ToPosition: after,
	}))
	require.NoError(t, err)
	e.append("a", 5)
	e.settle(runner)

	payload, err := json.Marshal(map[string]any{"webhook_id": h.id, "replay_id": replay})
	require.NoError(t, err)
	var repeats sync.WaitGroup
	for range 4 {
		repeats.Go(func() {
			err := courier.Kinds()["webhook.replay"].Handle(t.Context(), jobs.Delivery{Job: jobs.Job{TenantID: e.tenant, Payload: payload}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	repeats.Wait()
	require.Equal(t, []int64{after, after + 2, before - 2, before, after}, e.positions(h), "behind what waits, and nothing beyond the request")
	list, err := e.found.Replays(t.Context(), e.tenant, h.id)
	require.NoError(t, err)
	require.Equal(t, after, list[0].DonePosition)
	require.EqualValues(t, 3, list[0].Enqueued)

	e.work(courier)
	e.eventually(func() bool { return len(r.got()) == 5 }, "everything must be delivered")
	ids := map[string]int{}
	for _, m := range r.got() {
		ids[m.header.Get("Webhook-Id")]++
	}
	require.Len(t, ids, 4, "the event that was delivered before has the id of then")
	e.eventually(func() bool { return len(e.deliveries(h)) == 5 }, "the log must have them")
	require.Equal(t, replay, e.deliveries(h)[4].ReplayID)
}

// TestReplayOfALongLog takes many pages and hands over to other jobs.
func TestReplayOfALongLog(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	amounts := make([]int, 400)
	for range 4 {
		e.append("a", amounts...)
	}
	h := e.register(webhook.Target{URL: "https://x"})
	replay := uuid.New()
	_, err := e.commands.ReplayWebhook(t.Context(), on(e.tenant, h.id.String(), commands.ReplayWebhook{
		ReplayID: replay.String(), FromPosition: 1, ToPosition: 1600,
	}))
	require.NoError(t, err)
	e.settle(runner)
	kinds := e.courier().Kinds()
	delete(kinds, "webhook.deliver")
	w, err := jobs.New(jobs.Config{Pool: e.Pool, NodeID: "test", Kinds: kinds})
	require.NoError(t, err)
	e.Run(w)
	e.eventually(func() bool { return e.jobs("webhook.replay", "state = 'done'") == 1 }, "the replay must end")
	positions := e.positions(h)
	require.Len(t, positions, 1600)
	require.True(t, slices.IsSorted(positions))
}

func TestDisablingEndsAReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	e.append("a", 1, 2)
	h := e.register(webhook.Target{URL: "https://x"})
	replay := uuid.New()
	_, err := e.commands.ReplayWebhook(t.Context(), on(e.tenant, h.id.String(), commands.ReplayWebhook{ReplayID: replay.String(), FromPosition: 1, ToPosition: 2}))
	require.NoError(t, err)
	_, err = e.commands.DisableWebhook(t.Context(), on(e.tenant, h.id.String(), commands.DisableWebhook{Reason: "no more"}))
	require.NoError(t, err)
	e.settle(runner)
	payload, err := json.Marshal(map[string]any{"webhook_id": h.id, "replay_id": replay})
	require.NoError(t, err)
	require.NoError(t, e.courier().Kinds()["webhook.replay"].Handle(t.Context(), jobs.Delivery{Job: jobs.Job{TenantID: e.tenant, Payload: payload}}))
	require.Empty(t, e.positions(h))
}
