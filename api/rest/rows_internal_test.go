package rest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// Feeds begin with rows of read models as they are; the lists serve the same.
func TestRowsOfSnapshotsAreThoseOfTheLists(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 123_456_000, time.UTC)
	same := func(row, listed any) {
		a, err := json.Marshal(row)
		require.NoError(t, err)
		b, err := json.Marshal(listed)
		require.NoError(t, err)
		require.JSONEq(t, string(b), string(a))
	}
	for _, settings := range []string{`{}`, `{"plan":"team","deep":{"n":1.5,"list":[null,true]}}`} {
		row := tenantdirectory.Tenant{
			ID: uuid.New(), Slug: "acme", Name: "Acme <Ltd>", Status: "active", Settings: json.RawMessage(settings), Version: 3,
			CreatedAt: at, UpdatedAt: at.Add(time.Second),
		}
		listed, err := tenantJSON(row)
		require.NoError(t, err)
		same(row, listed)
	}
	for _, reason := range []string{"", "test data"} {
		row := deadletters.Letter{
			ID: uuid.New(), Projection: "orders", Generation: 2, Status: "parked", TenantID: uuid.New(), StreamType: "order",
			StreamID: "7", Position: 42, EventID: uuid.New(), EventType: "order.paid", Error: "boom", Attempts: 5, Reason: reason,
			ParkedAt: at, UpdatedAt: at.Add(time.Second),
		}
		same(row, deadLetterJSON(row))
	}
}
