package eventstore

import (
	"archive/zip"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// An export is a zip archive of these files, in this order.
const (
	exportEvents    = "events.ndjson"
	exportManifest  = "manifest.json"
	exportSignature = "manifest.sig" // Ed25519 over the bytes of the manifest
)

// ExportFormat names the layout of an export.
const ExportFormat = "tansu.export/1"

// Manifest describes an export: a tenant's log from position 1 to its head. It
// is signed, and its digest covers the events.
type Manifest struct {
	Format       string            `json:"format"`
	TenantID     uuid.UUID         `json:"tenant_id"`
	FromPosition int64             `json:"from_position"`
	ToPosition   int64             `json:"to_position"`
	Events       int64             `json:"events"`
	HeadHash     Hash              `json:"head_hash"`
	EventsSHA256 Hash              `json:"events_sha256"`
	ExportedAt   time.Time         `json:"exported_at"`
	ToolVersion  string            `json:"tool_version"`
	PublicKey    ed25519.PublicKey `json:"public_key"`
}

// Head is what the log was at the end of the export, for VerifyOptions.Against.
func (m Manifest) Head() *Head {
	return &Head{TenantID: m.TenantID, Position: m.ToPosition, Hash: m.HeadHash}
}

// exportLine is an event in events.ndjson. Data and metadata are strings, not
// nested JSON, so that no tool on the way can change the bytes that are hashed.
type exportLine struct {
	Position      int64     `json:"position"`
	StreamType    string    `json:"stream_type"`
	StreamID      string    `json:"stream_id"`
	Version       int64     `json:"version"`
	EventID       uuid.UUID `json:"event_id"`
	Type          string    `json:"type"`
	SchemaVersion int       `json:"schema_version"`
	Data          string    `json:"data"`
	Metadata      string    `json:"metadata"`
	RecordedAt    time.Time `json:"recorded_at"`
	Hash          Hash      `json:"hash"`
}

func lineOf(e *Event) exportLine {
	return exportLine{
		Position: e.Position, StreamType: e.Stream.Type, StreamID: e.Stream.ID, Version: e.Version,
		EventID: e.ID, Type: e.Type, SchemaVersion: e.SchemaVersion,
		Data: string(e.Data), Metadata: string(e.Metadata), RecordedAt: e.RecordedAt.UTC(), Hash: e.Hash,
	}
}

func (l exportLine) event(tenant uuid.UUID) Event {
	return Event{
		TenantID: tenant, Position: l.Position, Stream: Stream{l.StreamType, l.StreamID}, Version: l.Version,
		ID: l.EventID, Type: l.Type, SchemaVersion: l.SchemaVersion,
		Data: json.RawMessage(l.Data), Metadata: json.RawMessage(l.Metadata), RecordedAt: l.RecordedAt, Hash: l.Hash,
	}
}

// ExportOptions describe an export.
type ExportOptions struct {
	ToolVersion string
	ExportedAt  time.Time
	// OnProgress is called after each page with the exported position and the
	// position of the head.
	OnProgress func(position, head int64)
}

// Export writes a tenant's log as a self-contained archive that [VerifyExport]
// checks offline. It covers the log as it was at the start, and fails with a
// *CorruptLog rather than sign a log whose chain is broken. An archive whose
// writing failed lacks its manifest and does not verify.
func Export(ctx context.Context, r Reader, tenant uuid.UUID, to io.Writer, signer ed25519.PrivateKey, o ExportOptions) (Manifest, error) {
	head, err := r.Head(ctx, tenant)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the head of the log: %w", err)
	}
	archive := zip.NewWriter(to)
	file, err := archive.CreateHeader(&zip.FileHeader{Name: exportEvents, Method: zip.Deflate, Modified: o.ExportedAt})
	if err != nil {
		return Manifest{}, fmt.Errorf("writing the export: %w", err)
	}
	digest := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(file, digest))
	lines.SetEscapeHTML(false)
	c := chain{tenant: tenant}
	err = c.followLog(ctx, r, head.Position, func(page []Event) error {
		for i := range page {
			if err := writeLine(lines, &page[i]); err != nil {
				return err
			}
		}
		if o.OnProgress != nil {
			o.OnProgress(c.position, head.Position)
		}
		return nil
	})
	if err == nil && c.hash != head.Hash {
		err = c.bad(head.Position, "the head of the log holds another hash than its last event")
	}
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Format: ExportFormat, TenantID: tenant,
		FromPosition: 1, ToPosition: c.position, Events: c.position,
		HeadHash: c.hash, EventsSHA256: Hash(digest.Sum(nil)),
		ExportedAt: o.ExportedAt.UTC(), ToolVersion: o.ToolVersion,
		PublicKey: signer.Public().(ed25519.PublicKey),
	}
	return m, finishExport(archive, m, signer)
}

func writeLine(lines *json.Encoder, e *Event) error {
	if !utf8.Valid(e.Data) || !utf8.Valid(e.Metadata) {
		return &CorruptLog{e.TenantID, e.Position, "the event is not valid UTF-8"}
	}
	if err := lines.Encode(lineOf(e)); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

func finishExport(archive *zip.Writer, m Manifest, signer ed25519.PrivateKey) error {
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{exportManifest, manifest}, {exportSignature, ed25519.Sign(signer, manifest)}} {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store, Modified: m.ExportedAt})
		if err == nil {
			_, err = w.Write(f.content)
		}
		if err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}
