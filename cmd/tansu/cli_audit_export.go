package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tansu.cloud/eventstore"
)

// exportInfo is what is known about a verified export.
type exportInfo struct {
	auditInfo
	File       string    `json:"file,omitempty"`
	ExportedAt time.Time `json:"exported_at,omitzero"`
	PublicKey  string    `json:"public_key,omitempty"`
}

var exportFields = []column[exportInfo]{
	{"file", func(e exportInfo) string { return e.File }},
	{"exported", func(e exportInfo) string { return timeCell(e.ExportedAt) }},
	{"public key", func(e exportInfo) string { return e.PublicKey }},
}

func newAuditExport(c *cli) *cobra.Command {
	var file string
	cmd := c.verb(cobra.Command{
		Use: "export --file FILE", Args: cobra.NoArgs,
		Short: "Save a tenant's log as a signed archive",
		Long: "Save a tenant's log as an archive that is signed by the server and can be verified anywhere. The archive is\n" +
			"verified before it gets its name, so that a file that is there is a whole one. An existing file is kept.",
		Example: "  tansu audit export --tenant acme --file acme-2026-01.zip",
	}, func(ctx context.Context, s *session, _ []string) error {
		switch file {
		case "":
			return usagef("--file is missing; name the archive, or - for standard output")
		case "-":
			return s.download(ctx, s.out.w)
		}
		report, err := s.exportTo(ctx, file)
		if err != nil {
			return err
		}
		return s.showExport(file, report)
	})
	cmd.Flags().StringVar(&file, "file", "", "where to save the archive, - for standard output")
	return cmd
}

func newAuditVerifyExport(c *cli) *cobra.Command {
	var key string
	cmd := c.verb(cobra.Command{
		Use: "verify-export FILE", Args: cobra.ExactArgs(1),
		Short: "Verify an export, without a server",
		Long: "Verify an export's signature and its hash chain, from the first event to the last. Give the server's public key,\n" +
			"got earlier from GET /v1/audit/key, to be sure that the export comes from that server.",
		Example: "  tansu api GET /v1/audit/key\n  tansu audit verify-export acme.zip --public-key jZ0…=",
	}, func(ctx context.Context, s *session, args []string) error {
		trusted, err := s.publicKey(key)
		if err != nil {
			return err
		}
		report, err := s.verifyFile(ctx, args[0], trusted)
		var bad *auditFailure
		if errors.As(err, &bad) {
			it, encodeErr := newItem(bad.report)
			return errors.Join(printItem(s.out, auditFailureFields, it), encodeErr, err)
		}
		if err != nil {
			return err
		}
		if trusted == nil {
			s.note("The signature was checked with the key in the archive; --public-key proves where it comes from.")
		}
		return s.showExport(args[0], report)
	})
	cmd.Flags().StringVar(&key, "public-key", "", "the server's key, in base64 or hexadecimal, @FILE or - for standard input")
	return cmd
}

func (s *session) showExport(file string, r eventstore.ExportReport) error {
	it, err := newItem(exportInfo{
		auditInfo: auditOf(r.Report), File: file, ExportedAt: r.Manifest.ExportedAt,
		PublicKey: base64.StdEncoding.EncodeToString(r.Manifest.PublicKey),
	})
	if err != nil {
		return err
	}
	fields := exportFields
	for _, f := range auditFields {
		fields = append(fields[:len(fields):len(fields)], column[exportInfo]{f.title, func(e exportInfo) string { return f.cell(e.auditInfo) }})
	}
	return printItem(s.out, fields, it)
}

func (s *session) download(ctx context.Context, to io.Writer) error {
	r := call{
		method: http.MethodGet, path: "/v1/audit/export", long: true, stream: to,
		header: http.Header{"Accept": {"application/zip"}},
	}
	_, err := s.do(ctx, r)
	return err
}

// exportTo saves an export beside its final name and moves it there once it is
// verified.
func (s *session) exportTo(ctx context.Context, file string) (report eventstore.ExportReport, err error) {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return report, usagef("%s is there already; remove it or choose another name", file)
	}
	part, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*")
	if err != nil {
		return report, usagef("--file: %v", err)
	}
	defer os.Remove(part.Name())
	err = s.download(ctx, part)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return report, err
	}
	if report, err = s.verifyFile(ctx, part.Name(), nil); err != nil {
		return report, fmt.Errorf("the archive did not arrive whole, or the server made a wrong one: %w", err)
	}
	if err := os.Rename(part.Name(), file); err != nil {
		return report, fmt.Errorf("save the archive: %w", err)
	}
	return report, nil
}

// verifyFile verifies an export; one that is not right is an *auditFailure.
func (s *session) verifyFile(ctx context.Context, file string, trusted ed25519.PublicKey) (eventstore.ExportReport, error) {
	f, size, err := openFile(file)
	if err != nil {
		return eventstore.ExportReport{}, err
	}
	defer f.Close()
	bar := s.startProgress(ctx, "export")
	defer bar.stop()
	report, err := eventstore.VerifyExport(ctx, f, size, eventstore.VerifyExportOptions{
		PublicKey: trusted, OnProgress: func(position, head int64) { bar.show(position, head, "") },
	})
	if err != nil {
		return report, err
	}
	if !report.OK() {
		return report, &auditFailure{"the export " + file, auditOf(report.Report)}
	}
	bar.finish()
	return report, nil
}

// publicKey reads an Ed25519 key, nil if none is given.
func (s *session) publicKey(arg string) (ed25519.PublicKey, error) {
	if arg == "" {
		return nil, nil
	}
	raw, err := s.input(arg)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(raw))
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if key, err := decode(text); err == nil && len(key) == ed25519.PublicKeySize {
			return key, nil
		}
	}
	return nil, usagef("--public-key is not an Ed25519 key; give its 32 bytes in base64 or hexadecimal")
}
