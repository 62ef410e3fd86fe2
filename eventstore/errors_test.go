package eventstore_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	stream := eventstore.Stream{Type: "tenant", ID: "a"}
	for want, err := range map[string]error{
		"stream tenant/a stands at version 3, expected 2":                        &eventstore.VersionConflict{Stream: stream, Expected: 2, Actual: 3},
		`tenant.slug "acme" is taken by tenant/a`:                                &eventstore.ClaimTaken{Scope: "tenant.slug", Value: "acme", Holder: stream},
		`tenant/a does not hold tenant.slug "acme"`:                              &eventstore.ClaimNotHeld{Scope: "tenant.slug", Value: "acme", Stream: stream},
		"idempotency key already used at position 9":                             &eventstore.AlreadyProcessed{Record: eventstore.IdempotencyRecord{Position: 9}},
		"claims: are 101, the limit is 100 per append":                           &eventstore.LimitError{Field: "claims", Problem: "are 101, the limit is 100 per append"},
		"log of tenant " + uuid.Nil.String() + " is corrupt at position 5: hole": &eventstore.CorruptLog{Position: 5, Problem: "hole"},
	} {
		require.EqualError(t, err, want)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	e := eventstore.Event{Position: 3, Metadata: []byte(`{"actor":"operator","reason":"why"}`)}
	m, err := e.Meta()
	require.NoError(t, err)
	require.Equal(t, eventstore.Metadata{Actor: "operator", Reason: "why"}, m)
	e.Metadata = []byte(`{`)
	_, err = e.Meta()
	require.ErrorContains(t, err, "at position 3")
}
