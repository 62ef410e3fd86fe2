package eventstoretest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var readStreamTests = []test{
	{"pages and bounds", streamPages},
	{"a long stream", streamLong},
}

// requireStream compares a page of a stream with what the log says it must be.
func requireStream(t T, s eventstore.Reader, tenant uuid.UUID, log []eventstore.Event, stream eventstore.Stream, q eventstore.StreamQuery) []eventstore.Event {
	t.Helper()
	var want []eventstore.Event
	for _, e := range log {
		if e.Stream != stream ||
			q.ToVersion > 0 && e.Version > q.ToVersion ||
			!q.ToTime.IsZero() && e.RecordedAt.After(q.ToTime) ||
			q.After > 0 && (q.Backwards && e.Version >= q.After || !q.Backwards && e.Version <= q.After) {
			continue
		}
		want = append(want, e)
	}
	if q.Backwards {
		slices.Reverse(want)
	}
	want = want[:min(len(want), limitOf(q.Limit))]
	got, err := s.ReadStream(ctx, tenant, stream, q)
	require.NoError(t, err)
	require.Equal(t, positions(want), positions(got), "%s %+v", stream, q)
	requireSame(t, want, got)
	return got
}

func streamPages(t *testing.T, f Fixture) {
	tenant, other := uuid.New(), uuid.New()
	a, b := account("a"), eventstore.Stream{Type: "order", ID: "a"}
	for range 4 {
		mustAppend(t, f.Store, appendOf(tenant, write(a, eventstore.AnyVersion, 3), write(b, eventstore.AnyVersion, 1)))
		mustAppend(t, f.Store, appendOf(other, write(a, eventstore.AnyVersion, 1)))
	}
	log := requireLog(t, f.Store, tenant)
	times := []time.Time{{}, log[0].RecordedAt.Add(-time.Microsecond), log[0].RecordedAt.Add(-time.Hour), log[len(log)-1].RecordedAt.Add(time.Hour)}
	for _, e := range log {
		times = append(times, e.RecordedAt, e.RecordedAt.Add(999), e.RecordedAt.In(time.FixedZone("", 3600)))
	}
	for _, stream := range []eventstore.Stream{a, b, account("none")} {
		for _, backwards := range []bool{false, true} {
			for _, after := range []int64{0, 1, 2, 11, 12, 13, 1 << 40} {
				for _, toVersion := range []int64{0, 1, 5, 12, 100} {
					for _, limit := range []int{0, 1, 4} {
						requireStream(t, f.Store, tenant, log, stream, eventstore.StreamQuery{
							After: after, Backwards: backwards, ToVersion: toVersion, Limit: limit,
						})
					}
				}
			}
			for _, toTime := range times {
				requireStream(t, f.Store, tenant, log, stream, eventstore.StreamQuery{Backwards: backwards, ToTime: toTime})
				requireStream(t, f.Store, tenant, log, stream, eventstore.StreamQuery{Backwards: backwards, ToTime: toTime, ToVersion: 4, After: 2, Limit: 3})
			}
		}
	}
}

func streamLong(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	for i := range 3 {
		w := []eventstore.StreamWrite{write(a, int64(i)*800, 800), write(account(fmt.Sprint(i)), eventstore.NoStream, 1)}
		mustAppend(t, f.Store, appendOf(tenant, w...))
	}
	log := requireLog(t, f.Store, tenant)
	require.Len(t, requireStream(t, f.Store, tenant, log, a, eventstore.StreamQuery{}), eventstore.MaxPage)
	require.Len(t, requireStream(t, f.Store, tenant, log, a, eventstore.StreamQuery{Limit: 5000, Backwards: true}), eventstore.MaxPage)
	q, versions := eventstore.StreamQuery{}, int64(0)
	for {
		page := requireStream(t, f.Store, tenant, log, a, q)
		if len(page) == 0 {
			break
		}
		versions += int64(len(page))
		q.After = page[len(page)-1].Version
	}
	require.EqualValues(t, 2400, versions)
}
