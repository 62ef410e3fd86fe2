package eventstoretest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var clockTests = []test{
	{"recorded_at", clockRecordedAt},
	{"recorded_at never goes back", clockBackwards},
}

func clockRecordedAt(t *testing.T, f Fixture) {
	tenant := uuid.New()
	done := mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.AnyVersion, 2)))
	require.Equal(t, done.Events[0].RecordedAt, done.Events[1].RecordedAt, "one append is one moment")
	require.Equal(t, time.UTC, done.Events[0].RecordedAt.Location())
	requireSame(t, requireLog(t, f.Store, tenant), done.Events)
}

func clockBackwards(t *testing.T, f Fixture) {
	if f.SetClock == nil {
		return
	}
	tenant, other := uuid.New(), uuid.New()
	noon := time.Date(2031, 5, 6, 12, 0, 0, 123456789, time.FixedZone("", 7200))
	for _, at := range []time.Time{noon, noon.Add(-time.Hour), noon.Add(time.Hour), noon} {
		f.SetClock(at)
		mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.AnyVersion, 1)))
	}
	mustAppend(t, f.Store, appendOf(other, write(account("a"), eventstore.AnyVersion, 1)))
	log := requireLog(t, f.Store, tenant)
	cut := noon.Truncate(time.Microsecond)
	for i, want := range []time.Time{cut, cut, cut.Add(time.Hour), cut.Add(time.Hour)} {
		require.True(t, want.Equal(log[i].RecordedAt), "event %d at %s, want %s", i, log[i].RecordedAt, want)
	}
	require.True(t, cut.Equal(mustHead(t, f.Store, other).RecordedAt), "tenants have times of their own")

	upTo := requireStream(t, f.Store, tenant, log, account("a"), eventstore.StreamQuery{ToTime: noon.Add(time.Minute)})
	require.Len(t, upTo, 2)
}
