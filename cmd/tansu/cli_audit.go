package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"tansu.cloud/eventstore"
)

var auditFields = []column[auditInfo]{
	{"ok", func(a auditInfo) string { return strconv.FormatBool(a.OK) }},
	{"tenant", func(a auditInfo) string { return a.TenantID }},
	{"events", func(a auditInfo) string { return strconv.FormatInt(a.Events, 10) }},
	{"head position", func(a auditInfo) string { return strconv.FormatInt(a.HeadPosition, 10) }},
	{"head hash", func(a auditInfo) string { return a.HeadHash }},
}

var auditFailureFields = append(auditFields[:len(auditFields):len(auditFields)],
	column[auditInfo]{"first bad position", func(a auditInfo) string {
		if a.FirstBadPosition == 0 {
			return "unknown"
		}
		return strconv.FormatInt(a.FirstBadPosition, 10)
	}},
	column[auditInfo]{"problem", func(a auditInfo) string { return a.Problem }},
)

func newAuditCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use:   "audit",
		Short: "Prove that a log is what was written",
		Long: "Every event is linked to the one before it by a hash. Verifying recomputes the chain and names the first event\n" +
			"that was changed, removed, inserted or swapped. An export can be verified anywhere, without the server, and shows\n" +
			"later whether the log was cut or rewritten since.",
		Example: "  tansu audit verify --tenant acme\n  tansu audit export --tenant acme --file acme.zip\n  tansu audit verify --tenant acme --against acme.zip",
	}, newAuditVerify(c), newAuditExport(c), newAuditVerifyExport(c))
}

// auditFailure: a log or an export is not what was written.
type auditFailure struct {
	what   string
	report auditInfo
}

func (e *auditFailure) Error() string {
	s := e.what + " is not what was written"
	if e.report.FirstBadPosition > 0 {
		s += fmt.Sprintf("; the first bad position is %d", e.report.FirstBadPosition)
	}
	return s + ": " + e.report.Problem
}

func newAuditVerify(c *cli) *cobra.Command {
	var dsn, against string
	cmd := c.verb(cobra.Command{
		Use: "verify", Args: cobra.NoArgs,
		Short: "Verify a tenant's log",
		Long: "Recompute the hash chain of a tenant's log, by the server or, with --dsn, here: then nothing is trusted but the\n" +
			"rows of the database, which are only read. With --against the log is also compared with an earlier export, which\n" +
			"finds a tail that was cut and a log that was rewritten as a whole.",
		Example: "  tansu audit verify --tenant acme\n  tansu audit verify --dsn postgres:///tansu --tenant acme --against acme.zip",
	}, func(ctx context.Context, s *session, _ []string) error {
		var known *eventstore.Head
		if against != "" {
			report, err := s.verifyFile(ctx, against, nil)
			if err != nil {
				return err
			}
			known = report.Manifest.Head()
		}
		var it item[auditInfo]
		var err error
		if dsn == "" {
			it, err = s.verifyByServer(ctx, known)
		} else {
			it, err = s.verifyDatabase(ctx, dsn, known)
		}
		if err != nil {
			return err
		}
		return s.showAudit("the log of tenant "+it.value.TenantID, it)
	})
	cmd.Flags().StringVar(&dsn, "dsn", "", "verify the database itself, over this connection")
	cmd.Flags().StringVar(&against, "against", "", "compare with this export too")
	return cmd
}

func (s *session) showAudit(what string, it item[auditInfo]) error {
	if it.value.OK {
		return printItem(s.out, auditFields, it)
	}
	if err := printItem(s.out, auditFailureFields, it); err != nil {
		return err
	}
	return &auditFailure{what, it.value}
}

// verifyByServer lets the server verify, and compare with what its log is known
// to have been.
func (s *session) verifyByServer(ctx context.Context, known *eventstore.Head) (item[auditInfo], error) {
	query := url.Values{}
	if known != nil && s.tenant == "" {
		s.tenant = known.TenantID.String()
	}
	if known != nil && known.Position > 0 {
		query = url.Values{"position": {strconv.FormatInt(known.Position, 10)}, "hash": {known.Hash.String()}}
	}
	it, err := decode[item[auditInfo]](s.do(ctx, call{method: http.MethodGet, path: "/v1/audit/verify", query: query, long: true}))
	if err == nil && known != nil && it.value.TenantID != known.TenantID.String() {
		err = usagef("the export is of tenant %s, but the log of tenant %s; use the same --tenant", known.TenantID, it.value.TenantID)
	}
	return it, err
}

func auditOf(r eventstore.Report) auditInfo {
	return auditInfo{
		OK: r.OK(), TenantID: r.TenantID.String(), Events: r.Events, HeadPosition: r.HeadPosition,
		HeadHash: r.HeadHash.String(), FirstBadPosition: r.FirstBadPosition, Problem: r.Problem,
	}
}

// newItem is something that was made here and not by the server.
func newItem[T any](v T) (item[T], error) {
	raw, err := json.Marshal(v)
	return item[T]{raw, v}, err
}

// openFile opens a file and returns its size.
func openFile(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, usagef("%v", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = usagef("%s is not a file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
