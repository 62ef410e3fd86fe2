package eventstore_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

var (
	serverKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	exportDay = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

func export(t testing.TB, r eventstore.Reader, tenant uuid.UUID) ([]byte, eventstore.Manifest) {
	t.Helper()
	var archive bytes.Buffer
	m, err := eventstore.Export(ctx, r, tenant, &archive, serverKey, eventstore.ExportOptions{ToolVersion: "test", ExportedAt: exportDay})
	require.NoError(t, err)
	return archive.Bytes(), m
}

func verifyExport(t testing.TB, archive []byte, pinned ed25519.PublicKey) eventstore.ExportReport {
	t.Helper()
	report, err := eventstore.VerifyExport(ctx, bytes.NewReader(archive), int64(len(archive)), eventstore.VerifyExportOptions{PublicKey: pinned})
	require.NoError(t, err)
	return report
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// entry is a file of an archive.
type entry struct {
	name    string
	content []byte
}

func unpack(t testing.TB, archive []byte) []entry {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	var entries []entry
	for _, f := range r.File {
		content, err := f.Open()
		require.NoError(t, err)
		b, err := io.ReadAll(content)
		require.NoError(t, err)
		entries = append(entries, entry{f.Name, b})
	}
	return entries
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, e := range entries {
		f, err := w.Create(e.name)
		require.NoError(t, err)
		_, err = f.Write(e.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return archive.Bytes()
}

// sign makes manifest and signature fit the events again, with any key.
func sign(t testing.TB, entries []entry, key ed25519.PrivateKey, change func(*eventstore.Manifest)) []entry {
	t.Helper()
	var m eventstore.Manifest
	require.NoError(t, json.Unmarshal(entries[1].content, &m))
	m.EventsSHA256, m.PublicKey = sha256.Sum256(entries[0].content), public(key)
	change(&m)
	manifest, err := json.Marshal(m)
	require.NoError(t, err)
	return []entry{entries[0], {entries[1].name, manifest}, {entries[2].name, ed25519.Sign(key, manifest)}}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s, tenant := newLog(t, 600)
	archive, m := export(t, s, tenant)
	head, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	require.Equal(t, eventstore.ExportFormat, m.Format)
	require.EqualValues(t, 600, m.Events)
	require.Equal(t, head.Hash, m.HeadHash)
	require.Equal(t, exportDay, m.ExportedAt)
	require.Equal(t, eventstore.Head{TenantID: tenant, Position: 600, Hash: head.Hash}, *m.Head())

	for _, pinned := range []ed25519.PublicKey{nil, public(serverKey)} {
		report := verifyExport(t, archive, pinned)
		require.True(t, report.OK(), report.Problem)
		require.Equal(t, m, report.Manifest)
		require.EqualValues(t, 600, report.Events)
		require.EqualValues(t, 600, report.HeadPosition)
		require.Equal(t, tenant, report.TenantID)
	}

	lines := bytes.SplitAfter(unpack(t, archive)[0].content, []byte("\n"))
	require.Len(t, lines, 601)
	for i, e := range readAll(t, s, tenant) {
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines[i], &line))
		require.Equal(t, string(e.Data), line["data"], "exact bytes")
		require.Equal(t, string(e.Metadata), line["metadata"], "exact bytes")
		require.Equal(t, e.Hash.String(), line["hash"])
	}

	extend(t, s, tenant, 50)
	report, err := eventstore.Verify(ctx, s, tenant, eventstore.VerifyOptions{Against: m.Head()})
	require.NoError(t, err)
	require.True(t, report.OK(), report.Problem)
}

func TestExportSpecialLogs(t *testing.T) {
	t.Parallel()
	s, empty := memory.New(memory.Options{}), uuid.New()
	archive, m := export(t, s, empty)
	require.Zero(t, m.Events)
	require.True(t, verifyExport(t, archive, public(serverKey)).OK())

	large := uuid.New()
	e := newEvent(1)
	e.Data = json.RawMessage(`"` + strings.Repeat(`\"`, eventstore.MaxEventData/2-1) + `"`)
	_, err := s.Append(ctx, eventstore.Append{TenantID: large, Writes: []eventstore.StreamWrite{{Stream: account, Expected: 0, Events: []eventstore.NewEvent{e}}}})
	require.NoError(t, err)
	archive, _ = export(t, s, large)
	report := verifyExport(t, archive, public(serverKey))
	require.True(t, report.OK(), report.Problem)

	grown, tenant := newLog(t, 300)
	archive, m = export(t, growing{grown, func() { extend(t, grown, tenant, 1) }}, tenant)
	require.EqualValues(t, 300, m.Events)
	require.True(t, verifyExport(t, archive, nil).OK())
}

// TestExportRefusesBrokenLog: the server does not sign what it can see is wrong.
func TestExportRefusesBrokenLog(t *testing.T) {
	t.Parallel()
	for bad, do := range map[int64]func(*tampered){
		7:  func(l *tampered) { e := l.at(7); e.Data = flip(e.Data) },
		8:  func(l *tampered) { l.remove(8) },
		30: func(l *tampered) { l.head.Hash[0] ^= 1 },
	} {
		l := tamper(t, 30)
		do(l)
		var archive bytes.Buffer
		_, err := eventstore.Export(ctx, l, l.tenant, &archive, serverKey, eventstore.ExportOptions{})
		var corrupt *eventstore.CorruptLog
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, bad, corrupt.Position)
		require.False(t, verifyExport(t, archive.Bytes(), nil).OK())
	}
	l := tamper(t, 30)
	_, err := eventstore.Export(ctx, l, l.tenant, failingWriter{}, serverKey, eventstore.ExportOptions{})
	require.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("broken pipe")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestVerifyExportFindsChanges(t *testing.T) {
	t.Parallel()
	const size = 20
	s, tenant := newLog(t, size)
	archive, _ := export(t, s, tenant)
	lines := func(change func(lines [][]byte) [][]byte) func([]entry) []entry {
		return func(e []entry) []entry {
			all := bytes.SplitAfter(e[0].content, []byte("\n"))
			e[0].content = bytes.Join(change(all[:len(all)-1]), nil)
			return e
		}
	}
	replace := func(position int, old, new string) func([]entry) []entry {
		return lines(func(l [][]byte) [][]byte {
			l[position-1] = bytes.Replace(l[position-1], []byte(old), []byte(new), 1)
			return l
		})
	}
	none := func(*eventstore.Manifest) {}
	for _, tc := range []struct {
		name    string
		do      func([]entry) []entry
		bad     int64
		problem string
	}{
		{"data", replace(5, `\"n\" : `, `\"n\" : 1`), 5, "altered"},
		{"metadata", replace(5, `ä\\u003e`, `b\\u003e`), 5, "altered"},
		{"type", replace(5, `account.changed`, `account.deleted`), 5, "altered"},
		{"time", replace(5, `"recorded_at":"2`, `"recorded_at":"3`), 5, "altered"},
		{"hash", replace(5, `"hash":"`, `"hash":"0`), 5, "altered"},
		{"unknown field", replace(5, `{"position"`, `{"x":1,"position"`), 5, "altered"},
		{"not JSON", replace(5, `{"position"`, `"position"`), 5, "altered"},
		{"spelling only", replace(5, `{"position"`, `{ "position"`), 0, "digest"},
		{"removed", lines(func(l [][]byte) [][]byte { return append(l[:6], l[7:]...) }), 7, "removed: after position 6 comes 8"},
		{"swapped", lines(func(l [][]byte) [][]byte { l[6], l[7] = l[7], l[6]; return l }), 7, "swapped"},
		{"inserted", lines(func(l [][]byte) [][]byte {
			forged := bytes.Replace(l[6], []byte(`"schema_version":1`), []byte(`"schema_version":2`), 1)
			return append(append(append([][]byte{}, l[:6]...), forged), l[6:]...)
		}), 7, "inserted"},
		{"repeated last line", lines(func(l [][]byte) [][]byte { return append(l, l[size-1]) }), size + 1, "goes on"},
		{"tail cut", lines(func(l [][]byte) [][]byte { return l[:size-2] }), size - 1, "the tail was cut"},
		{"last line cut", func(e []entry) []entry { e[0].content = e[0].content[:len(e[0].content)-9]; return e }, size, "cut off"},
		{"endless line", func(e []entry) []entry { e[0].content = make([]byte, 5<<20); return e }, 1, "longer than"},
		{"no events", func(e []entry) []entry { e[0].content = nil; return e }, 1, "the tail was cut"},

		{"manifest", func(e []entry) []entry {
			e[1].content = bytes.Replace(e[1].content, []byte(`"test"`), []byte(`"tost"`), 1)
			return e
		}, 0, "signature"},
		{"manifest with more", func(e []entry) []entry { e[1].content = append(e[1].content, "{}"...); return e }, 0, "manifest.json"},
		{"manifest with an unknown field", func(e []entry) []entry { e[1].content = []byte(`{"x":1}`); return e }, 0, "manifest.json"},
		{"manifest too large", func(e []entry) []entry { e[1].content = bytes.Repeat([]byte(" "), 1<<20); return e }, 0, "larger than"},
		{"signature", func(e []entry) []entry { e[2].content[5] ^= 1; return e }, 0, "signature"},
		{"signature of another length", func(e []entry) []entry { e[2].content = e[2].content[:63]; return e }, 0, "signature"},
		{"signature too long", func(e []entry) []entry { e[2].content = append(e[2].content, 0); return e }, 0, "larger than"},
		{"events missing", func(e []entry) []entry { return e[1:] }, 0, "no events.ndjson"},
		{"manifest missing", func(e []entry) []entry { return []entry{e[0], e[2]} }, 0, "no manifest.json"},
		{"signature missing", func(e []entry) []entry { return e[:2] }, 0, "no manifest.sig"},
		{"another file", func(e []entry) []entry { return append(e, entry{"x", nil}) }, 0, "do not belong"},
		{"a file twice", func(e []entry) []entry { return append(e, e[0]) }, 0, "do not belong"},
		{"thousands of files", func(e []entry) []entry {
			for i := range 1000 {
				e = append(e, entry{name: fmt.Sprint(i, strings.Repeat("x", 500))})
			}
			return e
		}, 0, "directory is too large"},

		{"signed by somebody else", func(e []entry) []entry { return sign(t, e, otherKey, none) }, 0, "another key"},
		{"somebody else's signature, our key", func(e []entry) []entry {
			return sign(t, e, otherKey, func(m *eventstore.Manifest) { m.PublicKey = public(serverKey) })
		}, 0, "signature"},
		{"another tenant", func(e []entry) []entry {
			return sign(t, e, serverKey, func(m *eventstore.Manifest) { m.TenantID = uuid.New() })
		}, 1, "altered"},
		{"another head", func(e []entry) []entry {
			return sign(t, e, serverKey, func(m *eventstore.Manifest) { m.HeadHash[0] ^= 1 })
		}, size, "another hash"},
		{"another end", func(e []entry) []entry {
			return sign(t, e, serverKey, func(m *eventstore.Manifest) { m.ToPosition, m.Events = 19, 19 })
		}, size, "goes on"},
		{"another beginning", func(e []entry) []entry {
			return sign(t, e, serverKey, func(m *eventstore.Manifest) { m.FromPosition = 2 })
		}, 0, "contradicts itself"},
		{"another format", func(e []entry) []entry {
			return sign(t, e, serverKey, func(m *eventstore.Manifest) { m.Format = "tansu.export/2" })
		}, 0, "format"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			changed := tc.do(unpack(t, archive))
			report := verifyExport(t, pack(t, changed), public(serverKey))
			require.False(t, report.OK())
			require.Contains(t, report.Problem, tc.problem)
			require.Equal(t, tc.bad, report.FirstBadPosition, report.Problem)
		})
	}

	forged := pack(t, sign(t, unpack(t, archive), otherKey, none))
	require.True(t, verifyExport(t, forged, nil).OK(), "an archive that is not pinned vouches for itself only")
	bare := sign(t, unpack(t, archive), serverKey, func(m *eventstore.Manifest) { m.PublicKey = nil })
	require.Contains(t, verifyExport(t, pack(t, bare), nil).Problem, "signature")
}

// TestVerifyExportDamage flips bytes and cuts the file: whatever still verifies
// must say what was signed.
func TestVerifyExportDamage(t *testing.T) {
	t.Parallel()
	s, tenant := newLog(t, 5)
	archive, m := export(t, s, tenant)
	for i := range archive {
		damaged := bytes.Clone(archive)
		damaged[i] ^= 1 << (i % 8)
		if report := verifyExport(t, damaged, public(serverKey)); report.OK() {
			require.Equal(t, m, report.Manifest, "byte %d", i)
			require.EqualValues(t, 5, report.Events, "byte %d", i)
		}
		require.False(t, verifyExport(t, archive[:i], public(serverKey)).OK(), "cut at %d", i)
	}
}

type failingReaderAt struct {
	io.ReaderAt
	left int
}

func (f *failingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errBroken
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestVerifyExportErrors(t *testing.T) {
	t.Parallel()
	s, tenant := newLog(t, 30)
	archive, _ := export(t, s, tenant)
	size, reads := int64(len(archive)), 0
	for ; ; reads++ {
		_, err := eventstore.VerifyExport(ctx, &failingReaderAt{bytes.NewReader(archive), reads}, size, eventstore.VerifyExportOptions{})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errBroken, "failure after %d reads", reads)
	}
	require.Greater(t, reads, 3)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := eventstore.VerifyExport(ended, bytes.NewReader(archive), size, eventstore.VerifyExportOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzVerifyExport(f *testing.F) {
	// Every worker must come to the same archive.
	s, tenant := memory.New(memory.Options{Now: func() time.Time { return exportDay }}), uuid.UUID{1}
	w := eventstore.StreamWrite{Stream: account, Expected: eventstore.NoStream}
	for i := range 4 {
		e := newEvent(i)
		e.ID = uuid.UUID{15: byte(i + 1)}
		w.Events = append(w.Events, e)
	}
	_, err := s.Append(ctx, eventstore.Append{TenantID: tenant, Writes: []eventstore.StreamWrite{w}})
	require.NoError(f, err)
	archive, m := export(f, s, tenant)
	f.Add(archive)
	f.Add(archive[:len(archive)/2])
	f.Add(pack(f, unpack(f, archive)))
	f.Add(pack(f, sign(f, unpack(f, archive), otherKey, func(*eventstore.Manifest) {})))
	f.Add(pack(f, []entry{{"events.ndjson", []byte("{}\n")}, {"manifest.json", []byte("{}")}, {"manifest.sig", make([]byte, 64)}}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		report := verifyExport(t, archive, public(serverKey))
		if report.OK() {
			require.Equal(t, m, report.Manifest)
		}
		verifyExport(t, archive, nil)
	})
}

// FuzzVerifyExportContent reaches behind the signature: whoever holds the key
// may still have signed anything.
func FuzzVerifyExportContent(f *testing.F) {
	s, tenant := newLog(f, 3)
	archive, _ := export(f, s, tenant)
	genuine := unpack(f, archive)
	f.Add(genuine[0].content, genuine[1].content)
	f.Add([]byte("{}\n{}\n"), genuine[1].content)
	f.Add([]byte(`{"position":1}`), genuine[1].content)
	f.Add([]byte(nil), []byte(`{"format":"tansu.export/1","from_position":1,"public_key":"AAAA"}`))
	f.Fuzz(func(t *testing.T, events, manifest []byte) {
		forged := []entry{{"events.ndjson", events}, {"manifest.json", manifest}, {"manifest.sig", ed25519.Sign(serverKey, manifest)}}
		report := verifyExport(t, pack(t, forged), public(serverKey))
		if report.OK() {
			require.Equal(t, eventstore.Hash(sha256.Sum256(events)), report.Manifest.EventsSHA256)
			require.EqualValues(t, bytes.Count(events, []byte("\n")), report.Events)
		}
	})
}
