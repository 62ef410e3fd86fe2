package eventstoretest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var limitTests = []test{{"what is out of bounds is refused and nothing is written", limitsRefused}}

// Break is one way to bring an append out of bounds, with the field that the
// *LimitError must name.
type Break struct {
	Field string
	Do    func(*eventstore.Append)
}

// ValidAppend returns an append that uses every field.
func ValidAppend(tenant uuid.UUID) eventstore.Append {
	a := appendOf(tenant, write(account("a"), eventstore.NoStream, 1), write(account("b"), eventstore.NoStream, 2))
	a.Claims = []eventstore.Claim{{Op: eventstore.TakeClaim, Scope: "name", Value: "v", Stream: account("a")}}
	a.Idempotency = &eventstore.Idempotency{Key: "k", Response: []byte("{}")}
	a.EraseSubjects = []string{"someone"}
	return a
}

// OutOfBounds lists ways to break a valid append.
func OutOfBounds() []Break {
	breaks := []Break{
		{"writes", func(a *eventstore.Append) { a.Writes, a.Idempotency = nil, nil }},
		{"writes[1].events", func(a *eventstore.Append) { a.Writes[1].Events = nil }},
		{"writes[0].expected", func(a *eventstore.Append) { a.Writes[0].Expected = -2 }},
		{"writes[1].stream", func(a *eventstore.Append) { a.Writes[1].Stream = a.Writes[0].Stream }},
		{"writes[1].events[1].id", func(a *eventstore.Append) { a.Writes[1].Events[1].ID = uuid.Nil }},
		{"writes[1].events[1].schema_version", func(a *eventstore.Append) { a.Writes[1].Events[1].SchemaVersion = 0 }},
		{"writes[0].events[0].schema_version", func(a *eventstore.Append) { a.Writes[0].Events[0].SchemaVersion = 1 << 31 }},
		{"writes", func(a *eventstore.Append) {
			a.Writes = []eventstore.StreamWrite{write(account("a"), 0, 500), write(account("b"), 0, 501)}
		}},
		{"writes", func(a *eventstore.Append) {
			a.Writes[0].Events = nil
			for range 17 {
				a.Writes[0].Events = append(a.Writes[0].Events, event(`"`+strings.Repeat("x", eventstore.MaxEventData-2)+`"`))
			}
		}},
		{"claims", func(a *eventstore.Append) {
			for i := range eventstore.MaxClaimsPerCall {
				a.Claims = append(a.Claims, eventstore.Claim{Op: eventstore.TakeClaim, Scope: "s", Value: fmt.Sprint(i), Stream: account("a")})
			}
		}},
		{"claims[0].op", func(a *eventstore.Append) { a.Claims[0].Op = 0 }},
		{"claims[0].op", func(a *eventstore.Append) { a.Claims[0].Op = 3 }},
		{"idempotency.response", func(a *eventstore.Append) { a.Idempotency.Response = make([]byte, eventstore.MaxResponse+1) }},
		{"erase_subjects", func(a *eventstore.Append) {
			for i := range eventstore.MaxSubjectsPerCall {
				a.EraseSubjects = append(a.EraseSubjects, fmt.Sprint(i))
			}
		}},
	}
	for _, data := range []string{
		"", "{", "{} {}", "nul", "'a'", `{"a":01}`, `{a:1}`, "[1,]", "\"\xff\"", "\"a\x00b\"", "{}\x00", "\"\xed\xa0\x80\"", "\"tab\t\"",
		"\ufeff{}", `"` + strings.Repeat("x", eventstore.MaxEventData-1) + `"`, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		breaks = append(breaks, Break{"writes[0].events[0].data", func(a *eventstore.Append) {
			a.Writes[0].Events[0].Data = json.RawMessage(data)
		}})
	}
	for _, f := range []struct {
		field             string
		shortest, longest int
		at                func(*eventstore.Append) *string
	}{
		{"writes[0].stream.type", 1, eventstore.MaxName, func(a *eventstore.Append) *string { return &a.Writes[0].Stream.Type }},
		{"writes[1].stream.id", 1, eventstore.MaxStreamID, func(a *eventstore.Append) *string { return &a.Writes[1].Stream.ID }},
		{"writes[1].events[1].type", 1, eventstore.MaxName, func(a *eventstore.Append) *string { return &a.Writes[1].Events[1].Type }},
		{"claims[0].scope", 1, eventstore.MaxName, func(a *eventstore.Append) *string { return &a.Claims[0].Scope }},
		{"claims[0].value", 1, eventstore.MaxClaimValue, func(a *eventstore.Append) *string { return &a.Claims[0].Value }},
		{"claims[0].stream.type", 1, eventstore.MaxName, func(a *eventstore.Append) *string { return &a.Claims[0].Stream.Type }},
		{"claims[0].stream.id", 1, eventstore.MaxStreamID, func(a *eventstore.Append) *string { return &a.Claims[0].Stream.ID }},
		{"metadata.actor", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.Actor }},
		{"metadata.correlation_id", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.CorrelationID }},
		{"metadata.causation_id", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.CausationID }},
		{"metadata.traceparent", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.Traceparent }},
		{"metadata.command_id", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.CommandID }},
		{"metadata.address", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.Address }},
		{"metadata.reason", 0, eventstore.MaxMetadataField, func(a *eventstore.Append) *string { return &a.Metadata.Reason }},
		{"idempotency.key", 1, eventstore.MaxIdempotencyKey, func(a *eventstore.Append) *string { return &a.Idempotency.Key }},
		{"erase_subjects[0]", 1, eventstore.MaxStreamID, func(a *eventstore.Append) *string { return &a.EraseSubjects[0] }},
	} {
		bad := []string{strings.Repeat("x", f.longest+1), "a\x00b", "\xff", "\xed\xa0\x80"}
		if f.shortest > 0 {
			bad = append(bad, "")
		}
		for _, value := range bad {
			breaks = append(breaks, Break{f.field, func(a *eventstore.Append) { *f.at(a) = value }})
		}
	}
	return breaks
}

func limitsRefused(t *testing.T, f Fixture) {
	tenant := uuid.New()
	for i, b := range OutOfBounds() {
		a := ValidAppend(tenant)
		b.Do(&a)
		_, err := f.Store.Append(ctx, a)
		var limit *eventstore.LimitError
		require.ErrorAs(t, err, &limit, "case %d, %s", i, b.Field)
		require.Equal(t, b.Field, limit.Field, "case %d: %s", i, limit.Problem)
		require.NotEmpty(t, limit.Problem)
	}
	requireEmpty(t, f.Store, tenant)
	_, held, err := f.Store.ClaimHolder(ctx, tenant, "name", "v")
	require.NoError(t, err)
	require.False(t, held)
	mustAppend(t, f.Store, ValidAppend(tenant))
}
