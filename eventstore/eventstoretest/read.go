package eventstoretest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var readLogTests = []test{
	{"an empty log", readEmpty},
	{"pages, filters and windows", readPages},
}

var headTests = []test{
	{"pages of heads", readHeads},
}

func readEmpty(t *testing.T, f Fixture) {
	tenant := uuid.New()
	requireEmpty(t, f.Store, tenant)
	for _, q := range []eventstore.LogQuery{{}, {Backwards: true}, {StreamType: "account"}, {Backwards: true, Actor: "x"}} {
		page, err := f.Store.ReadLog(ctx, tenant, q)
		require.NoError(t, err)
		require.Empty(t, page.Events)
		require.Zero(t, page.Next)
		require.True(t, page.Done)
	}
	events, err := f.Store.ReadStream(ctx, tenant, account("a"), eventstore.StreamQuery{})
	require.NoError(t, err)
	require.Empty(t, events)
}

// fillLog makes a log that is longer than ScanWindow, with types, streams and
// actors that are common, rare and confined to one end.
func fillLog(t *testing.T, s eventstore.Store, tenant uuid.UUID) []eventstore.Event {
	const appends = 22
	var log []eventstore.Event
	for n := range appends {
		first := write(account("first"), eventstore.AnyVersion, 1)
		common := write(account("common"), eventstore.AnyVersion, 699)
		some := write(eventstore.Stream{Type: "order", ID: fmt.Sprint(n % 4)}, eventstore.AnyVersion, 300)
		for i := range some.Events {
			some.Events[i].Type = fmt.Sprintf("order.%d", i%3)
		}
		a := appendOf(tenant, common, some)
		if n%7 == 0 {
			first.Events[0].Type = "rare"
			a.Writes = slices.Insert(a.Writes, n%2, first)
			a.Writes[len(a.Writes)-1].Events = some.Events[:299]
		} else {
			a.Writes[0] = write(account("common"), eventstore.AnyVersion, 700)
		}
		a.Metadata.Actor = fmt.Sprintf("actor <%d> ü", n%5)
		if n == 0 || n == appends-1 {
			a.Metadata.Actor = "at both ends"
		}
		log = append(log, mustAppend(t, s, a).Events...)
	}
	require.Greater(t, len(log), eventstore.ScanWindow)
	return log
}

func readPages(t *testing.T, f Fixture) {
	tenant := uuid.New()
	log := fillLog(t, f.Store, tenant)
	requireSame(t, log, requireLog(t, f.Store, tenant))

	head := int64(len(log))
	filters := []eventstore.LogQuery{
		{},
		{Types: []string{"rare"}},
		{Types: []string{"order.1", "rare", "unknown"}},
		{Types: []string{"unknown"}},
		{StreamType: "account"},
		{StreamType: "account", StreamID: "first"},
		{StreamType: "order", StreamID: "3"},
		{StreamType: "order", StreamID: "first"},
		{StreamID: "2"},
		{Actor: "actor <2> ü"},
		{Actor: "at both ends"},
		{Actor: "nobody"},
		{Types: []string{"order.0"}, StreamType: "order", StreamID: "1", Actor: "actor <1> ü"},
	}
	starts := []int64{-3, 0, 2, head - eventstore.ScanWindow, eventstore.ScanWindow + 1, head, head + 5000}
	for _, q := range filters {
		for _, q.Backwards = range []bool{false, true} {
			for _, q.After = range starts {
				for _, q.Limit = range []int{0, 7} {
					requirePage(t, f.Store, tenant, log, q)
				}
			}
			q.After, q.Limit = 0, 5*eventstore.MaxPage
			requirePage(t, f.Store, tenant, log, q)
			requireWalk(t, f.Store, tenant, log, q)
		}
	}
}

// requirePage compares a page with what the log says it must be. A full page
// that ends where the log ends may leave it to the next one to say Done.
func requirePage(t *testing.T, s eventstore.Reader, tenant uuid.UUID, log []eventstore.Event, q eventstore.LogQuery) eventstore.LogPage {
	t.Helper()
	want := wantPage(log, q)
	got, err := s.ReadLog(ctx, tenant, q)
	require.NoError(t, err)
	require.Equal(t, positions(want.Events), positions(got.Events), "%+v", q)
	for i := range got.Events {
		if w, g := want.Events[i], got.Events[i]; w.Hash != g.Hash || !bytes.Equal(w.Data, g.Data) {
			requireSame(t, []eventstore.Event{w}, []eventstore.Event{g})
		}
	}
	require.Equal(t, want.Next, got.Next, "Next of %+v", q)
	if full := len(want.Events) == limitOf(q.Limit); want.Done != got.Done && !(full && want.Done) {
		require.Equal(t, want.Done, got.Done, "Done of %+v", q)
	}
	return got
}

// requireWalk follows Next to the end and must have met every match once.
func requireWalk(t *testing.T, s eventstore.Reader, tenant uuid.UUID, log []eventstore.Event, q eventstore.LogQuery) {
	t.Helper()
	q.After, q.Limit = 0, 700
	var want, got []int64
	for _, e := range log {
		if matches(q, e) {
			want = append(want, e.Position)
		}
	}
	if q.Backwards {
		slices.Reverse(want)
	}
	for pages := 0; ; pages++ {
		require.Less(t, pages, 100, "no end of %+v", q)
		page := requirePage(t, s, tenant, log, q)
		got = append(got, positions(page.Events)...)
		if page.Done {
			break
		}
		q.After = page.Next
	}
	require.Equal(t, want, got, "%+v", q)
}

// wantPage is LogQuery's contract, applied to the whole log.
func wantPage(log []eventstore.Event, q eventstore.LogQuery) eventstore.LogPage {
	head := int64(len(log))
	page := eventstore.LogPage{Next: max(q.After, 0)}
	position, step, end := max(q.After, 0)+1, int64(1), head+1
	if q.Backwards {
		position, step, end = q.After-1, -1, 0
		if q.After <= 0 || q.After > head {
			position = head
		}
	}
	for examined := 0; (end-position)*step > 0; examined++ {
		if len(page.Events) == limitOf(q.Limit) || q.Filtered() && examined == eventstore.ScanWindow {
			return page
		}
		if e := log[position-1]; matches(q, e) {
			page.Events = append(page.Events, e)
		}
		page.Next = position
		position += step
	}
	page.Done = true
	return page
}

func limitOf(limit int) int {
	if limit <= 0 || limit > eventstore.MaxPage {
		return eventstore.MaxPage
	}
	return limit
}

func matches(q eventstore.LogQuery, e eventstore.Event) bool {
	if len(q.Types) > 0 && !slices.Contains(q.Types, e.Type) ||
		q.StreamType != "" && e.Stream.Type != q.StreamType ||
		q.StreamID != "" && e.Stream.ID != q.StreamID {
		return false
	}
	if q.Actor == "" {
		return true
	}
	return actorOf(e) == q.Actor
}

// actors by metadata, which all events of an append share.
var actors sync.Map

func actorOf(e eventstore.Event) string {
	if actor, ok := actors.Load(string(e.Metadata)); ok {
		return actor.(string)
	}
	m, err := e.Meta()
	if err != nil {
		return ""
	}
	actors.Store(string(e.Metadata), m.Actor)
	return m.Actor
}

func positions(events []eventstore.Event) []int64 {
	var out []int64
	for _, e := range events {
		out = append(out, e.Position)
	}
	return out
}

func readHeads(t *testing.T, f Fixture) {
	none, err := f.Store.Heads(ctx, uuid.Nil, true, 0)
	require.NoError(t, err)
	require.Empty(t, none)

	tenants := []uuid.UUID{eventstore.SystemTenant, {0: 0xff}, {0: 0x80}, {15: 1}, {0: 0x7f, 15: 0xff}}
	for i, tenant := range tenants {
		mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.NoStream, i+1)))
	}
	order := []int{0, 3, 4, 2, 1}
	for _, limit := range []int{0, 1, 2, 5, 6, 5000} {
		var got []eventstore.Head
		after, first := uuid.Nil, true
		for {
			page, err := f.Store.Heads(ctx, after, first, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limitOf(limit))
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after, first = page[len(page)-1].TenantID, false
		}
		require.Len(t, got, len(tenants))
		for i, h := range got {
			want, err := f.Store.Head(ctx, tenants[order[i]])
			require.NoError(t, err)
			require.EqualValues(t, order[i]+1, h.Position)
			require.Equal(t, want, h)
		}
	}
	require.WithinDuration(t, time.Now(), mustHead(t, f.Store, tenants[0]).RecordedAt, time.Hour)
}

func mustHead(t T, s eventstore.Reader, tenant uuid.UUID) eventstore.Head {
	t.Helper()
	head, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	return head
}
