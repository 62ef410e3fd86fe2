package eventstore_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

func goldenEvent() eventstore.Event {
	return eventstore.Event{
		TenantID:      uuid.MustParse("018f4e5a-0000-7000-8000-000000000001"),
		Position:      42,
		Stream:        eventstore.Stream{Type: "tenant", ID: "acme"},
		Version:       7,
		ID:            uuid.MustParse("018f4e5a-0000-7000-8000-000000000002"),
		Type:          "tenant.renamed",
		SchemaVersion: 3,
		Data:          json.RawMessage(`{"name":"Ä"}`),
		Metadata:      json.RawMessage(`{"actor":"operator"}`),
		RecordedAt:    time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
	}
}

// TestChainHashIsForEver: logs and exports in the field hold hashes of this very
// encoding. If this fails, the change is wrong, not the value.
func TestChainHashIsForEver(t *testing.T) {
	t.Parallel()
	e := goldenEvent()
	require.Equal(t, "178be5c39a238c3eb9a4064f75da6c877c5d6580bbc276f15effccbdc6575d37", eventstore.ChainHash(eventstore.Hash{}, &e).String())
	require.Equal(t, "d5c0f4335663c381198a2e1f1d4138d052bb8a9fbc5fab481a1b88282ebcf7e4", eventstore.ChainHash(eventstore.Hash{0: 1, 31: 255}, &e).String())
}

func TestChainHashCoversEveryField(t *testing.T) {
	t.Parallel()
	prev := eventstore.Hash{1}
	base := goldenEvent()
	seen := map[eventstore.Hash]string{eventstore.ChainHash(prev, &base): "unchanged"}
	for name, change := range map[string]func(*eventstore.Event){
		"tenant":         func(e *eventstore.Event) { e.TenantID[0]++ },
		"position":       func(e *eventstore.Event) { e.Position++ },
		"stream type":    func(e *eventstore.Event) { e.Stream.Type += "s" },
		"stream id":      func(e *eventstore.Event) { e.Stream.ID += "s" },
		"version":        func(e *eventstore.Event) { e.Version++ },
		"event id":       func(e *eventstore.Event) { e.ID[0]++ },
		"type":           func(e *eventstore.Event) { e.Type += "s" },
		"schema version": func(e *eventstore.Event) { e.SchemaVersion++ },
		"time":           func(e *eventstore.Event) { e.RecordedAt = e.RecordedAt.Add(time.Microsecond) },
		"data":           func(e *eventstore.Event) { e.Data = append(json.RawMessage(" "), e.Data...) },
		"metadata":       func(e *eventstore.Event) { e.Metadata = json.RawMessage(`{}`) },
		// The same bytes, divided differently between neighbouring fields.
		"stream type and id": func(e *eventstore.Event) { e.Stream = eventstore.Stream{Type: "tenantac", ID: "me"} },
		"data and metadata": func(e *eventstore.Event) {
			e.Data, e.Metadata = e.Data[:3], append(append(json.RawMessage{}, e.Data[3:]...), e.Metadata...)
		},
	} {
		e := goldenEvent()
		change(&e)
		hash := eventstore.ChainHash(prev, &e)
		require.NotContains(t, seen, hash, "%s and %s", name, seen[hash])
		seen[hash] = name
	}
	other := eventstore.ChainHash(eventstore.Hash{2}, &base)
	require.NotContains(t, seen, other, "the previous hash")
}

func TestChainHashIgnoresTheZone(t *testing.T) {
	t.Parallel()
	e, local := goldenEvent(), goldenEvent()
	local.RecordedAt = local.RecordedAt.In(time.FixedZone("", 3600))
	require.Equal(t, eventstore.ChainHash(eventstore.Hash{}, &e), eventstore.ChainHash(eventstore.Hash{}, &local))
}

func TestHashText(t *testing.T) {
	t.Parallel()
	h := eventstore.Hash{0xab, 31: 0x01}
	text, err := json.Marshal(h)
	require.NoError(t, err)
	require.Equal(t, `"ab00000000000000000000000000000000000000000000000000000000000001"`, string(text))
	var back eventstore.Hash
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, h, back)
	for _, bad := range []string{`""`, `"ab"`, `"zz00000000000000000000000000000000000000000000000000000000000001"`} {
		require.Error(t, json.Unmarshal([]byte(bad), &back), bad)
	}
}
