package eventstore

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// What an archive may make the verifier hold in memory.
const (
	maxExportLine      = 4 << 20 // a largest event, escaped, stays below
	maxExportManifest  = 64 << 10
	maxExportDirectory = 256 << 10 // a directory of three entries is far smaller
)

// VerifyExportOptions adjust [VerifyExport].
type VerifyExportOptions struct {
	// PublicKey is the server's key, from a source other than the archive.
	// Without it the archive is checked against the key that it carries, which
	// proves that it is whole, not where it comes from.
	PublicKey ed25519.PublicKey
	// OnProgress is called now and then with the verified position and the last.
	OnProgress func(position, head int64)
}

// ExportReport is the outcome of [VerifyExport]. The manifest is what the
// archive says; trust it if the report is OK.
type ExportReport struct {
	Report
	Manifest Manifest
}

// VerifyExport checks an export without the log: its signature, its digest and
// the chain from position 1 to the head. What it finds is in the report; an
// error means that the archive could not be read.
func VerifyExport(ctx context.Context, archive io.ReaderAt, size int64, o VerifyExportOptions) (ExportReport, error) {
	src := &exportSource{ReaderAt: archive, size: size, budget: maxExportDirectory}
	v := exportVerifier{ctx: ctx, o: o}
	err := v.run(src)
	if src.err != nil {
		return v.report, fmt.Errorf("reading the export: %w", src.err)
	}
	return v.report, v.report.note(err)
}

// exportSource tells failures to read from what was read, and bounds what the
// zip reader takes in for the directory.
type exportSource struct {
	io.ReaderAt
	size   int64
	budget int64 // 0: no bound
	err    error
}

var errExportDirectory = errors.New("the archive's directory is too large")

func (s *exportSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > s.size { // a damaged archive points anywhere
		return 0, zip.ErrFormat
	}
	if s.budget > 0 {
		if s.budget -= int64(len(p)); s.budget <= 0 {
			s.budget = 1
			return 0, errExportDirectory
		}
	}
	n, err := s.ReaderAt.ReadAt(p, off)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

type exportVerifier struct {
	ctx    context.Context
	o      VerifyExportOptions
	report ExportReport
}

// flaw is a problem of the archive that concerns no position.
func flaw(problem string, args ...any) error {
	return &CorruptLog{Problem: fmt.Sprintf(problem, args...)}
}

func (v *exportVerifier) run(src *exportSource) error {
	files, err := openExport(src)
	if err != nil {
		return err
	}
	if err := v.checkManifest(files); err != nil {
		return err
	}
	m := v.report.Manifest
	v.report.TenantID, v.report.HeadPosition, v.report.HeadHash = m.TenantID, m.ToPosition, m.HeadHash
	content, err := files[exportEvents].Open()
	if err != nil {
		return flaw("%s cannot be opened: %v", exportEvents, err)
	}
	defer content.Close()
	return v.checkEvents(content)
}

// openExport returns the three files by name.
func openExport(src *exportSource) (map[string]*zip.File, error) {
	archive, err := zip.NewReader(src, src.size)
	if err != nil {
		return nil, flaw("not an export: %v", err)
	}
	src.budget = 0
	files := map[string]*zip.File{}
	for _, f := range archive.File {
		files[f.Name] = f
	}
	for _, name := range []string{exportEvents, exportManifest, exportSignature} {
		if files[name] == nil {
			return nil, flaw("the archive has no %s: it is no export, or was cut short", name)
		}
	}
	if len(archive.File) != len(files) || len(files) != 3 {
		return nil, flaw("the archive holds files that do not belong to an export")
	}
	return files, nil
}

// checkManifest reads the manifest if its signature is right.
func (v *exportVerifier) checkManifest(files map[string]*zip.File) error {
	manifest, err := readSmall(files[exportManifest], maxExportManifest)
	if err != nil {
		return err
	}
	signature, err := readSmall(files[exportSignature], ed25519.SignatureSize)
	if err != nil {
		return err
	}
	m := &v.report.Manifest
	if err := strictUnmarshal(manifest, m); err != nil {
		return flaw("%s: %v", exportManifest, err)
	}
	key := v.o.PublicKey
	switch {
	case key == nil:
		key = m.PublicKey
	case !bytes.Equal(key, m.PublicKey):
		return flaw("the export was signed with another key than the given one")
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, manifest, signature) {
		return flaw("the signature does not match: the manifest or the signature was altered")
	}
	if m.Format != ExportFormat {
		return flaw("the export has format %q; this release knows %q", m.Format, ExportFormat)
	}
	if m.FromPosition != 1 || m.Events != m.ToPosition || m.Events < 0 {
		return flaw("the manifest contradicts itself: %d events from position %d to %d", m.Events, m.FromPosition, m.ToPosition)
	}
	return nil
}

func readSmall(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, flaw("%s cannot be opened: %v", f.Name, err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, flaw("%s cannot be read: %v", f.Name, err)
	}
	if int64(len(content)) > limit {
		return nil, flaw("%s is larger than %d bytes", f.Name, limit)
	}
	return content, nil
}

// checkEvents follows the chain through events.ndjson.
func (v *exportVerifier) checkEvents(content io.Reader) error {
	m := v.report.Manifest
	digest := sha256.New()
	lines := &exportLines{in: bufio.NewReaderSize(io.TeeReader(content, digest), 64<<10), manifest: m}
	c := chain{tenant: m.TenantID}
	for {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		e, err := lines.next(c.position + 1)
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if c.position == m.ToPosition {
			return c.bad(c.position+1, "the archive goes on after position %d, where its manifest ends", m.ToPosition)
		}
		if !c.add(e) {
			after, err := lines.next(c.position + 2)
			if err != nil {
				after = nil
			}
			return c.explain(e, after)
		}
		v.report.Events = c.position
		if v.o.OnProgress != nil && c.position%auditPage == 0 {
			v.o.OnProgress(c.position, m.ToPosition)
		}
	}
	switch {
	case c.position < m.ToPosition:
		return c.bad(c.position+1, "the archive ends at position %d, but its manifest says %d: the tail was cut", c.position, m.ToPosition)
	case c.hash != m.HeadHash:
		return c.bad(c.position, "the last event has another hash than the manifest says")
	case Hash(digest.Sum(nil)) != m.EventsSHA256:
		return flaw("%s differs from the digest in the manifest", exportEvents)
	}
	return nil
}

// exportLines reads events.ndjson line by line.
type exportLines struct {
	in       *bufio.Reader
	manifest Manifest
	line     []byte
}

// next returns the next event, nil at the end. A line that is none is reported
// at the position where it stands.
func (l *exportLines) next(position int64) (*Event, error) {
	bad := func(problem string, args ...any) error {
		return &CorruptLog{l.manifest.TenantID, position, fmt.Sprintf(problem, args...)}
	}
	l.line = l.line[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.line)+len(part) > maxExportLine {
			return nil, bad("the line is longer than %d bytes", maxExportLine)
		}
		l.line = append(l.line, part...)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(l.line) == 0:
			return nil, nil
		case err == io.EOF:
			return nil, bad("the line is cut off")
		case err != nil && position > l.manifest.ToPosition:
			return nil, flaw("the archive is damaged: %v", err)
		case err != nil:
			return nil, bad("the archive is damaged: %v", err)
		}
		var line exportLine
		if err := strictUnmarshal(l.line, &line); err != nil {
			return nil, bad("altered: the line is not an event: %v", err)
		}
		e := line.event(l.manifest.TenantID)
		return &e, nil
	}
}
