package eventstoretest

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/eventstore"
)

var modelTests = []test{{"random appends behave like a small model", modelRandom}}

// model is a log of one tenant in its simplest form.
type model struct {
	events   []uuid.UUID
	versions map[string]int64
	claims   map[string]string         // value → stream id
	records  map[string]expectedRecord // by key
}

type expectedRecord struct {
	position int64
	response string
}

// apply changes the model as the append must, or returns the errors of which
// the store must report one.
func (m *model) apply(a eventstore.Append) []error {
	if k := a.Idempotency; k != nil {
		if rec, ok := m.records[k.Key]; ok {
			return []error{&eventstore.AlreadyProcessed{Record: eventstore.IdempotencyRecord{
				Idempotency: eventstore.Idempotency{Key: k.Key, Response: []byte(rec.response)}, Position: rec.position,
			}}}
		}
	}
	var errs []error
	for _, w := range a.Writes {
		if actual := m.versions[w.Stream.ID]; w.Expected != eventstore.AnyVersion && w.Expected != actual {
			errs = append(errs, &eventstore.VersionConflict{Stream: w.Stream, Expected: w.Expected, Actual: actual})
		}
	}
	claims := maps.Clone(m.claims)
	for _, c := range a.Claims {
		if c.Op == eventstore.ReleaseClaim {
			if claims[c.Value] != c.Stream.ID {
				errs = append(errs, &eventstore.ClaimNotHeld{Scope: c.Scope, Value: c.Value, Stream: c.Stream})
			}
			delete(claims, c.Value)
		}
	}
	for _, c := range a.Claims {
		if c.Op == eventstore.TakeClaim {
			if holder, held := claims[c.Value]; held && holder != c.Stream.ID {
				errs = append(errs, &eventstore.ClaimTaken{Scope: c.Scope, Value: c.Value, Holder: account(holder)})
			}
			claims[c.Value] = c.Stream.ID
		}
	}
	if len(errs) > 0 {
		return errs
	}
	m.claims = claims
	for _, w := range a.Writes {
		m.versions[w.Stream.ID] += int64(len(w.Events))
		for _, e := range w.Events {
			m.events = append(m.events, e.ID)
		}
	}
	if k := a.Idempotency; k != nil {
		m.records[k.Key] = expectedRecord{int64(len(m.events)), string(k.Response)}
	}
	return nil
}

var (
	streamIDs = []string{"a", "b", "c"}
	values    = []string{"x", "y"}
	keys      = []string{"k1", "k2", "k3", "k4"}
)

func drawAppend(t *rapid.T, m *model, tenant uuid.UUID, n int) eventstore.Append {
	a := eventstore.Append{TenantID: tenant}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(streamIDs), 0, 3, rapid.ID).Draw(t, "streams") {
		expected := rapid.SampledFrom([]int64{eventstore.AnyVersion, m.versions[id], m.versions[id], eventstore.NoStream, m.versions[id] + 1}).Draw(t, "expected")
		a.Writes = append(a.Writes, write(account(id), expected, rapid.IntRange(1, 3).Draw(t, "events")))
	}
	for _, op := range []eventstore.ClaimOp{eventstore.TakeClaim, eventstore.ReleaseClaim} {
		for _, value := range rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, 2, rapid.ID).Draw(t, "values") {
			a.Claims = append(a.Claims, eventstore.Claim{
				Op: op, Scope: "name", Value: value, Stream: account(rapid.SampledFrom(streamIDs).Draw(t, "holder")),
			})
		}
		if rapid.Bool().Draw(t, "no release") {
			break
		}
	}
	if len(a.Writes) == 0 || rapid.Bool().Draw(t, "keyed") {
		a.Idempotency = &eventstore.Idempotency{Key: rapid.SampledFrom(keys).Draw(t, "key"), Response: fmt.Append(nil, n)}
	}
	return a
}

func modelRandom(t *testing.T, f Fixture) {
	rapid.Check(t, func(t *rapid.T) {
		tenant := uuid.New()
		m := &model{versions: map[string]int64{}, claims: map[string]string{}, records: map[string]expectedRecord{}}
		stores := f.both()
		for n := range rapid.IntRange(1, 12).Draw(t, "appends") {
			a := drawAppend(t, m, tenant, n)
			want := m.apply(a)
			done, err := rapid.SampledFrom(stores).Draw(t, "store").Append(ctx, a)
			requireOneOf(t, want, err)
			if err == nil {
				require.EqualValues(t, len(m.events), done.Position)
			}
		}
		requireModel(t, f.Store, tenant, m)
	})
}

// requireOneOf checks that err equals one of the errors, or that both are nil.
func requireOneOf(t T, want []error, err error) {
	t.Helper()
	if len(want) == 0 {
		require.NoError(t, err)
		return
	}
	require.Error(t, err, "want one of %v", want)
	var processed *eventstore.AlreadyProcessed
	if errors.As(err, &processed) {
		var expected *eventstore.AlreadyProcessed
		require.ErrorAs(t, want[0], &expected, "got %v", err)
		require.Equal(t, expected.Record.Position, processed.Record.Position)
		require.Equal(t, string(expected.Record.Response), string(processed.Record.Response))
		return
	}
	require.Contains(t, want, err)
}

func requireModel(t T, s eventstore.Reader, tenant uuid.UUID, m *model) {
	t.Helper()
	log := requireLog(t, s, tenant)
	require.Len(t, log, len(m.events))
	for i, e := range log {
		require.Equal(t, m.events[i], e.ID)
	}
	for _, id := range streamIDs {
		requireVersion(t, s, tenant, account(id), m.versions[id])
	}
	for _, value := range values {
		holder := eventstore.Stream{}
		if id, held := m.claims[value]; held {
			holder = account(id)
		}
		requireHolder(t, s, tenant, value, holder)
	}
	for _, key := range keys {
		rec, err := s.IdempotencyRecord(ctx, tenant, key)
		require.NoError(t, err)
		want, known := m.records[key]
		require.Equal(t, known, rec != nil)
		if known {
			require.Equal(t, want.position, rec.Position)
			require.Equal(t, want.response, string(rec.Response))
		}
	}
}
