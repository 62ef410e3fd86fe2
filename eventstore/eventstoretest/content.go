package eventstoretest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var contentTests = []test{
	{"data keeps its exact bytes", contentExact},
	{"names keep their exact bytes", contentNames},
	{"the largest append", contentLargest},
}

func contentExact(t *testing.T, f Fixture) {
	tenant := uuid.New()
	values := []string{
		`{}`, `null`, `[]`, `""`, `0`, `-0`, `"text"`,
		" {\t\"odd\" :\n\r[ 1 ,2 ]  } ",
		`{"z":1,"a":2,"m":3}`,
		`{"a":1,"a":2}`,
		`{"big":123456789012345678901234567890.00,"small":1e-400,"exp":1E+05}`,
		`{"nul":"\u0000","upper":"\u00E4","lower":"\u00e4","raw":"ä","pair":"\ud83d\ude00","lone":"\ud800"}`,
		`{"slash":"\/","html":"<&>\u003c","separators":"` + "\u2028\u2029" + `","del":"` + "\x7f" + `"}`,
		`{"":{"":""}}`,
		`{"$sealed":"bm90IG91cnM="}`,
		strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		`{"digits":` + strings.Repeat("9", 10_000) + `}`,
		`"` + strings.Repeat("語", 50_000) + `"`,
	}
	w := eventstore.StreamWrite{Stream: account("a"), Expected: eventstore.NoStream}
	for _, v := range values {
		w.Events = append(w.Events, event(v))
	}
	done := mustAppend(t, f.Store, appendOf(tenant, w))
	log := requireLog(t, f.Store, tenant)
	stream, err := f.Store.ReadStream(ctx, tenant, w.Stream, eventstore.StreamQuery{})
	require.NoError(t, err)
	for i, v := range values {
		require.Equal(t, v, string(done.Events[i].Data))
		require.Equal(t, v, string(log[i].Data))
		require.Equal(t, v, string(stream[i].Data))
	}
}

func contentNames(t *testing.T, f Fixture) {
	tenant := uuid.New()
	names := []string{"a", "A", "ä", "a\u0308", " a ", "a\nb", "%", "_", `\`, `'; --`, `"`, "日本", "\U0001F600", "a/b", "{}", "\x7f"}
	for _, name := range names {
		s := eventstore.Stream{Type: "t" + name, ID: name}
		w := write(s, eventstore.NoStream, 1)
		w.Events[0].Type = name
		a := appendOf(tenant, w)
		a.Claims = []eventstore.Claim{{Op: eventstore.TakeClaim, Scope: name, Value: name, Stream: s}}
		a.Idempotency = &eventstore.Idempotency{Key: name, Response: []byte{0, 0xff, 1}}
		mustAppend(t, f.Store, a)

		read, err := f.Store.ReadStream(ctx, tenant, s, eventstore.StreamQuery{})
		require.NoError(t, err)
		require.Len(t, read, 1, "%q", name)
		require.Equal(t, s, read[0].Stream)
		require.Equal(t, name, read[0].Type)
		holder, held, err := f.Store.ClaimHolder(ctx, tenant, name, name)
		require.NoError(t, err)
		require.True(t, held, "%q", name)
		require.Equal(t, s, holder)
		rec, err := f.Store.IdempotencyRecord(ctx, tenant, name)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 0xff, 1}, rec.Response)
	}
	require.Len(t, requireLog(t, f.Store, tenant), len(names))
}

// contentLargest has every bounded field at its limit.
func contentLargest(t *testing.T, f Fixture) {
	tenant := uuid.New()
	text := func(n int) string { return strings.Repeat("x", n) }
	s := eventstore.Stream{Type: text(eventstore.MaxName), ID: text(eventstore.MaxStreamID)}
	w := eventstore.StreamWrite{Stream: s, Expected: eventstore.NoStream}
	for range eventstore.MaxAppendBytes / eventstore.MaxEventData {
		e := event(`"` + text(eventstore.MaxEventData-2) + `"`)
		e.Type = text(eventstore.MaxName)
		w.Events = append(w.Events, e)
	}
	field := text(eventstore.MaxMetadataField)
	a := appendOf(tenant, w)
	a.Metadata = eventstore.Metadata{
		Actor: field, CorrelationID: field, CausationID: field, Traceparent: field, CommandID: field, Address: field, Reason: field,
	}
	for i := range eventstore.MaxClaimsPerCall {
		a.Claims = append(a.Claims, eventstore.Claim{
			Op: eventstore.TakeClaim, Scope: text(eventstore.MaxName),
			Value: text(eventstore.MaxClaimValue - i), Stream: s,
		})
	}
	a.Idempotency = &eventstore.Idempotency{Key: text(eventstore.MaxIdempotencyKey), Response: make([]byte, eventstore.MaxResponse)}
	for i := range eventstore.MaxSubjectsPerCall {
		a.EraseSubjects = append(a.EraseSubjects, text(eventstore.MaxStreamID-i))
	}
	done := mustAppend(t, f.Store, a)
	requireSame(t, requireLog(t, f.Store, tenant), done.Events)
	require.True(t, json.Valid(done.Events[0].Metadata))
	rec, err := f.Store.IdempotencyRecord(ctx, tenant, a.Idempotency.Key)
	require.NoError(t, err)
	require.Len(t, rec.Response, eventstore.MaxResponse)
}
