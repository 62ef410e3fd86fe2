package eventstoretest

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var subjectTests = []test{
	{"a key is made once", subjectKeyOnce},
	{"makers of one key race", subjectKeyRace},
	{"erasure comes with the append", subjectErase},
	{"a failed append erases nothing", subjectEraseFailed},
	{"erasure without a key is remembered", subjectEraseUnknown},
	{"sealed events outlive their subject", subjectSealed},
}

func mustKey(t T, f Fixture, tenant uuid.UUID, subject string) []byte {
	t.Helper()
	key, err := f.Keys.SubjectKey(ctx, tenant, subject, true)
	require.NoError(t, err)
	require.Len(t, key, eventstore.SubjectKeySize)
	return key
}

func erasing(tenant uuid.UUID, subjects ...string) eventstore.Append {
	a := appendOf(tenant, write(account("erasures"), eventstore.AnyVersion, 1))
	a.EraseSubjects = subjects
	return a
}

func requireErased(t T, f Fixture, tenant uuid.UUID, subject string) {
	t.Helper()
	for _, create := range []bool{false, true, false} {
		_, err := f.Keys.SubjectKey(ctx, tenant, subject, create)
		require.ErrorIs(t, err, eventstore.ErrSubjectErased)
	}
}

func subjectKeyOnce(t *testing.T, f Fixture) {
	one, two := uuid.New(), uuid.New()
	_, err := f.Keys.SubjectKey(ctx, one, "p", false)
	require.ErrorIs(t, err, eventstore.ErrNoSubjectKey)
	key := mustKey(t, f, one, "p")
	require.Equal(t, key, mustKey(t, f, one, "p"))
	found, err := f.Keys.SubjectKey(ctx, one, "p", false)
	require.NoError(t, err)
	require.Equal(t, key, found)
	require.NotEqual(t, key, mustKey(t, f, one, "q"))
	require.NotEqual(t, key, mustKey(t, f, two, "p"))
}

func subjectKeyRace(t *testing.T, f Fixture) {
	tenant := uuid.New()
	keys, errs := make([][]byte, 16), make([]error, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], errs[i] = f.Keys.SubjectKey(ctx, tenant, "p", true) })
	}
	wg.Wait()
	for i := range keys {
		require.NoError(t, errs[i])
		require.Equal(t, keys[0], keys[i])
	}
}

func subjectErase(t *testing.T, f Fixture) {
	tenant, other := uuid.New(), uuid.New()
	mustKey(t, f, tenant, "p")
	mustKey(t, f, tenant, "q")
	kept, elsewhere := mustKey(t, f, tenant, "r"), mustKey(t, f, other, "p")
	mustAppend(t, f.Store, erasing(tenant, "p", "q", "p"))
	requireErased(t, f, tenant, "p")
	requireErased(t, f, tenant, "q")
	require.Equal(t, kept, mustKey(t, f, tenant, "r"))
	require.Equal(t, elsewhere, mustKey(t, f, other, "p"))

	only := keyed(eventstore.Append{TenantID: tenant, EraseSubjects: []string{"p", "r"}}, "k", "")
	mustAppend(t, f.Store, only)
	requireErased(t, f, tenant, "p")
	requireErased(t, f, tenant, "r")
	require.Len(t, requireLog(t, f.Store, tenant), 1)
}

func subjectEraseFailed(t *testing.T, f Fixture) {
	tenant := uuid.New()
	key := mustKey(t, f, tenant, "p")
	mustAppend(t, f.Store, keyed(appendOf(tenant, write(account("a"), eventstore.AnyVersion, 1)), "k", ""))

	conflict := erasing(tenant, "p")
	conflict.Writes[0].Expected = 9
	_, err := f.Store.Append(ctx, conflict)
	require.Error(t, err)
	claim := erasing(tenant, "p")
	claim.Claims = []eventstore.Claim{release("x", account("erasures"))}
	_, err = f.Store.Append(ctx, claim)
	require.Error(t, err)
	_, err = f.Store.Append(ctx, keyed(erasing(tenant, "p"), "k", ""))
	require.Error(t, err)
	require.Equal(t, key, mustKey(t, f, tenant, "p"))
}

func subjectEraseUnknown(t *testing.T, f Fixture) {
	tenant := uuid.New()
	mustAppend(t, f.Store, erasing(tenant, "p"))
	requireErased(t, f, tenant, "p")
}

type signedUp struct {
	Person string `json:"person"`
	Email  string `json:"email" personal:"person"`
}

func (signedUp) EventType() string  { return "person.signed_up" }
func (signedUp) SchemaVersion() int { return 1 }

func subjectSealed(t *testing.T, f Fixture) {
	tenant := uuid.New()
	codec := eventstore.NewCodec(eventstore.NewRegistry(signedUp{}), f.Keys)
	w := eventstore.StreamWrite{Stream: account("a"), Expected: eventstore.NoStream}
	people := []signedUp{{"p", "p@example.org"}, {"q", "q@example.org"}}
	for _, p := range people {
		e, err := codec.Encode(ctx, tenant, p)
		require.NoError(t, err)
		require.NotContains(t, string(e.Data), "example.org")
		w.Events = append(w.Events, e)
	}
	mustAppend(t, f.Store, appendOf(tenant, w))
	decode := func() (out []eventstore.Payload) {
		for _, e := range requireLog(t, f.Store, tenant)[:2] {
			p, err := codec.Decode(ctx, e)
			require.NoError(t, err)
			out = append(out, p)
		}
		return out
	}
	require.Equal(t, []eventstore.Payload{people[0], people[1]}, decode())
	mustAppend(t, f.Store, erasing(tenant, "p"))
	require.Equal(t, []eventstore.Payload{signedUp{Person: "p"}, people[1]}, decode())
	_, err := codec.Encode(ctx, tenant, people[0])
	require.ErrorIs(t, err, eventstore.ErrSubjectErased)
}
