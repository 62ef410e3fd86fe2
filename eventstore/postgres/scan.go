package postgres

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
)

// postgresEpoch is the zero of timestamptz in the binary format.
const postgresEpochMicros = 946_684_800_000_000

// scanEvents decodes rows of sqlSelectEvents straight from the wire: replay
// spends its time here, and rows.Scan costs about three times as much. Events
// of a page share one buffer.
func scanEvents(rows pgx.Rows, tenant uuid.UUID) ([]eventstore.Event, error) {
	defer rows.Close()
	var (
		events []eventstore.Event
		names  interner
		arena  arena
	)
	for rows.Next() {
		if events == nil {
			if f := rows.FieldDescriptions(); f[0].Format != pgx.BinaryFormatCode {
				return nil, errors.New("event rows came in text format; the pool must not use the simple protocol")
			}
			events = make([]eventstore.Event, 0, 64)
		}
		v := rows.RawValues()
		if len(v) != 11 || len(v[0]) != 8 || len(v[1]) != 8 || len(v[2]) != 16 || len(v[3]) != 8 || len(v[4]) != 4 || len(v[8]) != 32 {
			return nil, fmt.Errorf("event row has an unexpected shape")
		}
		events = append(events, eventstore.Event{
			TenantID:      tenant,
			Position:      int64(binary.BigEndian.Uint64(v[0])),
			Version:       int64(binary.BigEndian.Uint64(v[1])),
			ID:            uuid.UUID(v[2]),
			RecordedAt:    time.UnixMicro(int64(binary.BigEndian.Uint64(v[3])) + postgresEpochMicros).UTC(),
			SchemaVersion: int(int32(binary.BigEndian.Uint32(v[4]))),
			Stream:        eventstore.Stream{Type: names.get(v[5]), ID: string(v[6])},
			Type:          names.get(v[7]),
			Hash:          eventstore.Hash(v[8]),
			Data:          arena.copy(v[9]),
			Metadata:      arena.copy(v[10]),
		})
	}
	return events, rows.Err()
}

// interner keeps one copy of names that repeat from row to row.
type interner struct{ seen map[string]string }

func (n *interner) get(b []byte) string {
	if s, ok := n.seen[string(b)]; ok {
		return s
	}
	if n.seen == nil {
		n.seen = map[string]string{}
	}
	s := string(b)
	n.seen[s] = s
	return s
}

// arena copies values out of the connection's read buffer in few allocations.
type arena struct{ free []byte }

func (a *arena) copy(b []byte) json.RawMessage {
	if len(b) > len(a.free) {
		a.free = make([]byte, max(64<<10, len(b)))
	}
	c := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(c, b)
	return c
}
