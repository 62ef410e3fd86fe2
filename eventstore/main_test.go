package eventstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

var ctx = context.Background()

var account = eventstore.Stream{Type: "account", ID: "a"}

// newEvent makes an event with data that a careless archive would change.
func newEvent(n int) eventstore.NewEvent {
	data := fmt.Sprintf("{ \"n\" : %d,\t\"text\":\"<&> \u2028 \\u0000 \\/ ä \x7f\", \"n\":1.50 }\n", n)
	return eventstore.NewEvent{ID: uuid.Must(uuid.NewV7()), Type: "account.changed", SchemaVersion: 1, Data: json.RawMessage(data)}
}

// newLog fills a tenant's log with n events, three to an append.
func newLog(t testing.TB, n int) (*memory.Store, uuid.UUID) {
	t.Helper()
	s, tenant := memory.New(memory.Options{}), uuid.New()
	extend(t, s, tenant, n)
	return s, tenant
}

func extend(t testing.TB, s *memory.Store, tenant uuid.UUID, n int) {
	t.Helper()
	for left := n; left > 0; left -= 3 {
		w := eventstore.StreamWrite{Stream: account, Expected: eventstore.AnyVersion}
		for i := range min(left, 3) {
			w.Events = append(w.Events, newEvent(left-i))
		}
		_, err := s.Append(ctx, eventstore.Append{
			TenantID: tenant, Writes: []eventstore.StreamWrite{w},
			Metadata: eventstore.Metadata{Actor: "user:<ä>", Reason: fmt.Sprint(left)},
		})
		require.NoError(t, err)
	}
}

// readAll returns the whole log.
func readAll(t testing.TB, r eventstore.Reader, tenant uuid.UUID) []eventstore.Event {
	t.Helper()
	var events []eventstore.Event
	for q := (eventstore.LogQuery{}); ; {
		page, err := r.ReadLog(ctx, tenant, q)
		require.NoError(t, err)
		events = append(events, page.Events...)
		if page.Done {
			return events
		}
		q.After = page.Next
	}
}
