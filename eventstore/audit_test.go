package eventstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/eventstore"
)

// tampered is a log as someone with write access to the database left it: rows
// in order of position, and a head.
type tampered struct {
	eventstore.Reader
	tenant uuid.UUID
	events []eventstore.Event
	head   eventstore.Head
	// findsHoles: the adapter reports holes itself, as the contract asks.
	findsHoles bool
	err        error
}

func tamper(t testing.TB, n int) *tampered {
	s, tenant := newLog(t, n)
	head, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	return &tampered{Reader: s, tenant: tenant, events: readAll(t, s, tenant), head: head, findsHoles: true}
}

func (l *tampered) Head(context.Context, uuid.UUID) (eventstore.Head, error) {
	return l.head, l.err
}

func (l *tampered) ReadLog(_ context.Context, _ uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	slices.SortStableFunc(l.events, func(a, b eventstore.Event) int { return int(a.Position - b.Position) })
	page := eventstore.LogPage{Next: q.After}
	for _, e := range l.events {
		if e.Position <= q.After {
			continue
		}
		if len(page.Events) == q.Limit {
			return page, l.err
		}
		if l.findsHoles && e.Position != page.Next+1 {
			return eventstore.LogPage{}, &eventstore.CorruptLog{TenantID: l.tenant, Position: page.Next + 1, Problem: "hole"}
		}
		page.Events, page.Next = append(page.Events, e), e.Position
	}
	page.Done = true
	return page, l.err
}

// at returns the event of a position.
func (l *tampered) at(position int64) *eventstore.Event {
	i := slices.IndexFunc(l.events, func(e eventstore.Event) bool { return e.Position == position })
	return &l.events[i]
}

func (l *tampered) remove(position int64) {
	l.events = slices.DeleteFunc(l.events, func(e eventstore.Event) bool { return e.Position == position })
}

// shift moves all positions from one on.
func (l *tampered) shift(from, by int64) {
	for i := range l.events {
		if l.events[i].Position >= from {
			l.events[i].Position += by
		}
	}
	l.head.Position += by
}

// rehash makes the whole chain consistent again, with the head.
func (l *tampered) rehash() {
	l.head = eventstore.Head{TenantID: l.tenant}
	for i := range l.events {
		l.events[i].Hash = eventstore.ChainHash(l.head.Hash, &l.events[i])
		l.head.Position, l.head.Hash = l.events[i].Position, l.events[i].Hash
	}
}

func flip(b json.RawMessage) json.RawMessage {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const size = 600 // several pages
	for _, tc := range []struct {
		name    string
		do      func(*tampered)
		bad     int64
		problem string
	}{
		{"nothing", func(*tampered) {}, 0, ""},
		{"data", func(l *tampered) { e := l.at(7); e.Data = flip(e.Data) }, 7, "altered"},
		{"data of the first event", func(l *tampered) { e := l.at(1); e.Data = flip(e.Data) }, 1, "altered"},
		{"data at the end of a page", func(l *tampered) { e := l.at(250); e.Data = flip(e.Data) }, 250, "altered"},
		{"data of the last event", func(l *tampered) { e := l.at(size); e.Data = flip(e.Data) }, size, "altered"},
		{"insignificant space in data", func(l *tampered) { e := l.at(7); e.Data = append(bytes.Clone(e.Data), ' ') }, 7, "altered"},
		{"metadata", func(l *tampered) { e := l.at(251); e.Metadata = flip(e.Metadata) }, 251, "altered"},
		{"type", func(l *tampered) { l.at(8).Type = "account.chamged" }, 8, "altered"},
		{"schema version", func(l *tampered) { l.at(8).SchemaVersion++ }, 8, "altered"},
		{"time", func(l *tampered) { e := l.at(9); e.RecordedAt = e.RecordedAt.Add(time.Microsecond) }, 9, "altered"},
		{"stream type", func(l *tampered) { l.at(9).Stream.Type = "accounts" }, 9, "altered"},
		{"stream id", func(l *tampered) { l.at(9).Stream.ID = "b" }, 9, "altered"},
		{"version", func(l *tampered) { l.at(9).Version++ }, 9, "altered"},
		{"event id", func(l *tampered) { l.at(9).ID[15] ^= 1 }, 9, "altered"},
		{"hash", func(l *tampered) { l.at(9).Hash[31] ^= 1 }, 9, "altered"},
		{"event and its hash", func(l *tampered) {
			e := l.at(9)
			e.Data = flip(e.Data)
			e.Hash = eventstore.ChainHash(l.at(8).Hash, e)
		}, 10, "the one before it was removed or altered"},
		{"deleted", func(l *tampered) { l.remove(300) }, 300, "hole"},
		{"deleted, seen by the audit only", func(l *tampered) { l.remove(300); l.findsHoles = false }, 300, "removed: after position 299 comes 301"},
		{"first one deleted", func(l *tampered) { l.remove(1) }, 1, "hole"},
		{"deleted and closed up", func(l *tampered) { l.remove(300); l.shift(301, -1) }, 300, "altered"},
		{"altered before a hole", func(l *tampered) { l.remove(20); e := l.at(5); e.Data = flip(e.Data) }, 5, "altered"},
		{"two holes", func(l *tampered) { l.remove(20); l.remove(15) }, 15, "hole"},
		{"swapped", func(l *tampered) { a, b := l.at(40), l.at(41); a.Position, b.Position = 41, 40 }, 40, "swapped"},
		{"swapped across pages", func(l *tampered) { a, b := l.at(250), l.at(251); a.Position, b.Position = 251, 250 }, 250, "swapped"},
		{"swapped at the end", func(l *tampered) { a, b := l.at(size-1), l.at(size); a.Position, b.Position = size, size-1 }, size - 1, "swapped"},
		{"swapped far apart", func(l *tampered) { a, b := l.at(40), l.at(400); a.Position, b.Position = 400, 40 }, 40, "altered"},
		{"inserted", func(l *tampered) {
			forged := *l.at(60)
			l.shift(60, 1)
			forged.Position, forged.ID = 60, uuid.New()
			l.events = append(l.events, forged)
		}, 60, "inserted"},
		{"inserted with a hash that fits", func(l *tampered) {
			forged := *l.at(60)
			l.shift(60, 1)
			forged.Position, forged.ID = 60, uuid.New()
			forged.Hash = eventstore.ChainHash(l.at(59).Hash, &forged)
			l.events = append(l.events, forged)
		}, 61, "altered"},
		{"a position twice", func(l *tampered) { l.findsHoles = false; l.events = append(l.events, *l.at(60)) }, 61, "inserted"},
		{"tail cut", func(l *tampered) { l.remove(size); l.remove(size - 1) }, size - 1, "the tail was cut"},
		{"all events deleted", func(l *tampered) { l.events = nil }, 1, "the tail was cut"},
		{"tail cut with the head", func(l *tampered) {
			l.remove(size)
			l.head.Position, l.head.Hash = size-1, l.at(size-1).Hash
		}, size, "the export at 600: the tail was cut"},
		{"the whole log deleted", func(l *tampered) { l.events, l.head = nil, eventstore.Head{} }, 1, "the tail was cut"},
		{"rewritten consistently", func(l *tampered) { e := l.at(9); e.Data = flip(e.Data); l.rehash() }, size, "differs from the export"},
		{"head removed", func(l *tampered) { l.head = eventstore.Head{} }, 1, "beyond the head"},
		{"head moved back", func(l *tampered) { l.head.Position, l.head.Hash = 10, l.at(10).Hash }, 11, "beyond the head"},
		{"head with another hash", func(l *tampered) { l.head.Hash[0] ^= 1 }, size, "another hash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := tamper(t, size)
			against := l.head
			tc.do(l)
			report, err := eventstore.Verify(ctx, l, l.tenant, eventstore.VerifyOptions{Against: &against})
			require.NoError(t, err)
			require.Equal(t, tc.bad, report.FirstBadPosition, report.Problem)
			require.Contains(t, report.Problem, tc.problem)
			require.Equal(t, tc.bad == 0, report.OK())
			require.Equal(t, l.tenant, report.TenantID)
			require.Equal(t, l.head.Position, report.HeadPosition)
			if report.OK() {
				require.EqualValues(t, size, report.Events)
				require.Equal(t, l.head.Hash, report.HeadHash)
				require.EqualValues(t, size, report.HeadPosition)
			}
		})
	}
}

// TestVerifyFindsAnyChange changes one field of one event at random.
func TestVerifyFindsAnyChange(t *testing.T) {
	t.Parallel()
	whole := tamper(t, 40)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 40).Draw(t, "size")
		l := &tampered{tenant: whole.tenant, events: slices.Clone(whole.events[:size]), findsHoles: true}
		l.rehash()
		bad := rapid.Int64Range(1, size).Draw(t, "position")
		e := l.at(bad)
		i := rapid.IntRange(0, 1<<16).Draw(t, "byte")
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		change := func(b []byte) []byte { b = bytes.Clone(b); b[i%len(b)] ^= bit; return b }
		switch rapid.IntRange(0, 7).Draw(t, "field") {
		case 0:
			e.Data = change(e.Data)
		case 1:
			e.Metadata = change(e.Metadata)
		case 2:
			e.Type = string(change([]byte(e.Type)))
		case 3:
			e.Stream.ID = string(change([]byte(e.Stream.ID)))
		case 4:
			e.RecordedAt = e.RecordedAt.Add(time.Duration(i+1) * time.Microsecond)
		case 5:
			e.Version += int64(i + 1)
		case 6:
			e.ID = uuid.UUID(change(e.ID[:]))
		case 7:
			e.Hash = eventstore.Hash(change(e.Hash[:]))
		}
		report, err := eventstore.Verify(ctx, l, l.tenant, eventstore.VerifyOptions{})
		require.NoError(t, err)
		require.Equal(t, bad, report.FirstBadPosition, report.Problem)
		require.Equal(t, bad-1, report.Events)
	})
}

func TestVerifyWithoutExpectation(t *testing.T) {
	t.Parallel()
	l := tamper(t, 30)
	l.remove(30)
	l.head.Position, l.head.Hash = 29, l.at(29).Hash
	report, err := eventstore.Verify(ctx, l, l.tenant, eventstore.VerifyOptions{})
	require.NoError(t, err)
	require.True(t, report.OK(), "a consistent cut is visible against an export only")

	s, tenant := newLog(t, 30)
	earlier, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	extend(t, s, tenant, 700)
	var steps []int64
	report, err = eventstore.Verify(ctx, s, tenant, eventstore.VerifyOptions{
		Against:    &earlier,
		OnProgress: func(position, head int64) { steps = append(steps, position); require.EqualValues(t, 730, head) },
	})
	require.NoError(t, err)
	require.True(t, report.OK(), report.Problem)
	require.EqualValues(t, 730, report.Events)
	require.Equal(t, []int64{250, 500, 730}, steps)

	report, err = eventstore.Verify(ctx, s, uuid.New(), eventstore.VerifyOptions{})
	require.NoError(t, err)
	require.True(t, report.OK(), "an empty log")
}

func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	l := tamper(t, 10)
	_, err := eventstore.Verify(ctx, l, l.tenant, eventstore.VerifyOptions{Against: &eventstore.Head{TenantID: uuid.New()}})
	require.ErrorContains(t, err, "cannot be compared")
	l.err = errors.New("connection lost")
	_, err = eventstore.Verify(ctx, l, l.tenant, eventstore.VerifyOptions{})
	require.ErrorIs(t, err, l.err)

	s, tenant := newLog(t, 10)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = eventstore.Verify(ended, s, tenant, eventstore.VerifyOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// growing appends to the log whenever it is read.
type growing struct {
	eventstore.Reader
	grow func()
}

func (g growing) ReadLog(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	g.grow()
	return g.Reader.ReadLog(ctx, tenant, q)
}

func TestVerifyWhileTheLogGrows(t *testing.T) {
	t.Parallel()
	s, tenant := newLog(t, 600)
	report, err := eventstore.Verify(ctx, growing{s, func() { extend(t, s, tenant, 1) }}, tenant, eventstore.VerifyOptions{})
	require.NoError(t, err)
	require.True(t, report.OK(), report.Problem)
	require.EqualValues(t, 600, report.Events)
}

// TestVerifyAfterErasure: the chain covers ciphertext, so destroying a data
// subject's key breaks neither the log nor what was exported before.
func TestVerifyAfterErasure(t *testing.T) {
	t.Parallel()
	s, tenant := newLog(t, 5)
	codec := eventstore.NewCodec(newRegistry(), s)
	n, err := codec.Encode(ctx, tenant, person{PersonID: "p", Email: "p@example.org"})
	require.NoError(t, err)
	w := eventstore.StreamWrite{Stream: account, Expected: 5, Events: []eventstore.NewEvent{n}}
	_, err = s.Append(ctx, eventstore.Append{TenantID: tenant, Writes: []eventstore.StreamWrite{w}})
	require.NoError(t, err)
	archive, m := export(t, s, tenant)
	require.NotContains(t, string(unpack(t, archive)[0].content), "example.org")

	erase(t, s, tenant, "p")
	got, err := codec.Decode(ctx, readAll(t, s, tenant)[5])
	require.NoError(t, err)
	require.Equal(t, person{PersonID: "p"}, got)
	report, err := eventstore.Verify(ctx, s, tenant, eventstore.VerifyOptions{Against: m.Head()})
	require.NoError(t, err)
	require.True(t, report.OK(), report.Problem)
	require.EqualValues(t, 7, report.Events)
	require.True(t, verifyExport(t, archive, public(serverKey)).OK())
}
