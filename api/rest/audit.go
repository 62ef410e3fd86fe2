package rest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
)

// AuditReport says whether a log is complete and unchanged.
type AuditReport struct {
	OK               bool   `json:"ok" doc:"Whether nothing was found." example:"true"`
	TenantID         string `json:"tenant_id" doc:"Whose log." example:"00000000-0000-0000-0000-000000000000"`
	Events           int64  `json:"events" doc:"How many events were verified, from position 1 on." example:"42"`
	HeadPosition     int64  `json:"head_position" doc:"The end of the log when the audit began." example:"42"`
	HeadHash         string `json:"head_hash" doc:"The last link of the hash chain, hexadecimal." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	FirstBadPosition int64  `json:"first_bad_position,omitempty" doc:"The first position that is not as it was written." example:"17"`
	Problem          string `json:"problem,omitempty" doc:"What is wrong there." example:"altered: the event does not match its hash"`
}

// AuditKey is the key that verifies the signature of exports.
type AuditKey struct {
	Algorithm   string `json:"algorithm" doc:"Kind of key." example:"Ed25519"`
	PublicKey   string `json:"public_key" doc:"The key in base64." example:"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the key, hexadecimal." example:"21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"`
}

type verifyAuditInput struct {
	Position int64  `query:"position" minimum:"1" doc:"Compare with what the log was known to be: the to_position of an export's manifest. Needs hash." example:"42"`
	Hash     string `query:"hash" maxLength:"64" doc:"The hash at that position: the head_hash of the manifest." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
}

func (s *server) auditRoutes() {
	register(s, endpoint{
		route: route{permission: "audit.read", tenant: true, long: true},
		id:    "verify-log", method: http.MethodGet, path: "/v1/audit/verify", tag: "Audit",
		summary:     "Verify a log",
		description: "Recomputes the hash chain of the whole log. It takes as long as the log is, and ends when the client goes away. A damaged log is an answer too: 200 with ok false.",
	}, s.verifyAudit)
	register(s, endpoint{
		route: route{permission: "audit.read"},
		id:    "get-audit-key", method: http.MethodGet, path: "/v1/audit/key", tag: "Audit",
		summary: "Read the key of exports", description: "The public key with which this installation signs exports.",
	}, func(context.Context, *struct{}) (*struct{ Body AuditKey }, error) {
		key := s.Signer.Public().(ed25519.PublicKey)
		sum := sha256.Sum256(key)
		return &struct{ Body AuditKey }{AuditKey{
			Algorithm: "Ed25519", PublicKey: base64.StdEncoding.EncodeToString(key), Fingerprint: hex.EncodeToString(sum[:]),
		}}, nil
	})
	export := endpoint{
		route: route{permission: "audit.read", tenant: true, long: true, produces: "application/zip"},
		id:    "export-log", method: http.MethodGet, path: "/v1/audit/export", tag: "Audit",
		summary:     "Export a log",
		description: "The whole log as an archive that verifies offline: events (NDJSON), manifest, signature. When the log turns out to be damaged the transfer is cut.",
	}
	register(s, export, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: s.exportAudit}, nil
	})
}

func (s *server) verifyAudit(ctx context.Context, in *verifyAuditInput) (*struct{ Body AuditReport }, error) {
	tenant := callOf(ctx).tenant
	var options eventstore.VerifyOptions
	if in.Position > 0 || in.Hash != "" {
		hash, err := hex.DecodeString(in.Hash)
		if err != nil || len(hash) != len(eventstore.Hash{}) || in.Position < 1 {
			return nil, problem.New(problem.ValidationFailed, "position and hash belong together; see the manifest of the export.").
				WithErrors(problem.FieldError{Pointer: "/query/hash", Code: "invalid", Message: "must be 64 hexadecimal digits, with position"})
		}
		options.Against = &eventstore.Head{TenantID: tenant, Position: in.Position, Hash: eventstore.Hash(hash)}
	}
	report, err := eventstore.Verify(ctx, s.Log, tenant, options)
	if err != nil {
		return nil, err
	}
	return &struct{ Body AuditReport }{AuditReport{
		OK: report.OK(), TenantID: report.TenantID.String(), Events: report.Events,
		HeadPosition: report.HeadPosition, HeadHash: hex.EncodeToString(report.HeadHash[:]),
		FirstBadPosition: report.FirstBadPosition, Problem: report.Problem,
	}}, nil
}

// exportAudit streams the archive. What fails before the first byte is answered
// as a problem; later the connection is cut, so that nobody takes a part for
// the whole.
func (s *server) exportAudit(hc huma.Context) {
	r, w := humago.Unwrap(hc)
	c := callOf(r.Context())
	now := time.Now().UTC()
	begin := func() {
		h := w.Header()
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="tansu-`+c.tenant.String()+"-"+now.Format("20060102T150405Z")+`.zip"`)
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
	}
	if r.Method == http.MethodHead {
		begin()
		return
	}
	out := &exportWriter{w: w, deadline: http.NewResponseController(w), begin: begin}
	_, err := eventstore.Export(r.Context(), s.Log, c.tenant, out, s.Signer, eventstore.ExportOptions{ToolVersion: apiVersion, ExportedAt: now})
	switch {
	case err == nil:
	case !out.begun:
		middleware.Refuse(w, r, refuse(r.Context(), err))
	default:
		if !errors.Is(err, context.Canceled) {
			middleware.From(r.Context()).Failure = err
		}
		panic(http.ErrAbortHandler)
	}
}

// stalled is how long a client may leave a part of an export untaken.
const stalled = time.Minute

// exportWriter sends the headers with the first byte and moves the deadline on
// as the client takes what is sent.
type exportWriter struct {
	w        http.ResponseWriter
	deadline *http.ResponseController
	begin    func()
	begun    bool
}

func (e *exportWriter) Write(b []byte) (int, error) {
	if !e.begun {
		e.begun = true
		e.begin()
	}
	// Not every ResponseWriter has deadlines (those of tests have none).
	_ = e.deadline.SetWriteDeadline(time.Now().Add(stalled))
	return e.w.Write(b)
}
