// Package tansu_test holds the tests of the repository as a whole: who may
// import whom, which licences come along, how long a file may grow.
package tansu_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "tansu.cloud/"

// rule says what the packages of one folder may import directly, tests
// excluded. The standard library is open to all but the domain; a package that
// no rule names fails the test.
type rule struct {
	folder string
	// allow lists packages of ours by folder and others by import path; a
	// pattern ending in /... includes everything below.
	allow []string
	// std narrows the standard library to these packages if set.
	std []string
	// never explains the edges that somebody will try sooner or later.
	never map[string]string
}

var (
	pgx       = "github.com/jackc/pgx/v5/..."
	otel      = "go.opentelemetry.io/..."
	watermill = "github.com/ThreeDotsLabs/watermill/..."
	uuid      = "github.com/google/uuid"
	huma      = "github.com/danielgtaylor/huma/v2/..."
)

// The domain computes; whatever reaches outside (files, network, clocks,
// random numbers, logs, goroutines that outlive a call) comes in as input.
var pureStd = []string{
	"bytes", "cmp", "encoding/base64", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps", "math",
	"net/netip", "net/url", "reflect", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf16", "unicode/utf8",
}

var (
	apiNever = map[string]string{
		pgx:                   "api never talks to the database; ask a read model or send a command",
		"eventstore/postgres": "api depends on the eventstore interfaces; cmd/tansu chooses the adapter",
		"eventstore/memory":   "api depends on the eventstore interfaces; cmd/tansu chooses the adapter",
		"sql/...":             "api never talks to the database; ask a read model or send a command",
	}
	domainNever = map[string]string{
		"context":        "the domain does no IO, so nothing in it can be cancelled",
		"eventstore/...": "the domain does not know that its events are stored",
		"commands/...":   "commands call the domain, never the other way round",
	}
)

// rules is the table of docs/ARCHITECTURE.md; the first matching line counts.
var rules = []rule{
	{folder: "domain/domaintest", allow: []string{"domain", "github.com/stretchr/testify/..."}},
	{folder: "domain/identity/...", allow: []string{"domain", "domain/identity/permission", "domain/identity/user"}, std: pureStd, never: domainNever},
	{folder: "domain/...", allow: []string{"domain"}, std: pureStd, never: domainNever},
	{folder: "eventstore/postgres", allow: []string{
		"eventstore", "sql/db", pgx, otel, uuid, "golang.org/x/sync/...",
		"github.com/cenkalti/backoff/v5", "github.com/hashicorp/golang-lru/v2/...",
	}},
	{folder: "eventstore/eventstoretest", allow: []string{
		"eventstore", uuid, "github.com/stretchr/testify/...", "pgregory.net/rapid",
	}},
	{folder: "eventstore/...", allow: []string{"eventstore", uuid}, never: map[string]string{
		pgx: "only eventstore/postgres knows the database",
	}},
	{folder: "commands/...", allow: []string{
		"github.com/hashicorp/golang-lru/v2",
		"domain/...", "eventstore", otel, uuid, "github.com/wI2L/jsondiff", "github.com/cenkalti/backoff/v5",
	}, never: map[string]string{
		"projections/...": "projections follow the log; a command decides from the aggregate's own events",
		pgx:               "commands reach the database only through eventstore",
	}},
	{folder: "projections/projectionstest", allow: []string{
		"domain/projection", "eventstore", "eventstore/postgres", "projections", "platform/bus", "platform/postgrestest", pgx, "github.com/stretchr/testify/...",
	}},
	{folder: "projections/sagas/sagastest", allow: []string{
		"commands", "eventstore", "platform/bus/jobs", "projections", "projections/projectionstest", uuid, "github.com/stretchr/testify/...",
	}},
	{folder: "projections/...", allow: []string{
		"domain/...", "eventstore", "projections/...", "sql", "sql/db", "platform/bus", "platform/bus/jobs", "platform/tenantdb", "platform/tenantscope", pgx, watermill, otel, uuid,
		"github.com/cenkalti/backoff/v5", "github.com/hashicorp/golang-lru/v2", "golang.org/x/sync/...",
	}, never: map[string]string{
		"commands/...": "projections send commands through an interface of their own",
		"api/...":      "api reads projections, never the other way round",
	}},
	{folder: "api/...", allow: []string{
		"api/...", "commands", "domain/...", "eventstore", "projections/readmodels/...", "projections/feeds",
		"platform/presence", "platform/limits", "platform/cache", "platform/tenantscope", "platform/credentials", "platform/federation", "platform/grants", "platform/mail", huma, otel, uuid,
		"github.com/gorilla/websocket", "github.com/maypok86/otter/v2", "golang.org/x/sync/singleflight", "github.com/klauspost/compress/gzhttp", "github.com/rs/cors",
		"github.com/zitadel/oidc/v3/pkg/...", "github.com/go-jose/go-jose/v4/...", "github.com/go-webauthn/webauthn/...", "github.com/pquerna/otp/...", "github.com/boombuler/barcode/qr",
	}, never: apiNever},
	{folder: "sdk/go/...", allow: []string{"github.com/gorilla/websocket"}, never: map[string]string{
		"api/...": "a client knows the protocol, not the server",
	}},
	{folder: "sql/...", allow: []string{pgx, uuid}},
	{folder: "platform/bus/jobs/...", allow: []string{"sql/db", "platform/...", "..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "platform/credentials", allow: []string{"sql/db", "..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "platform/certificate", allow: []string{"sql/db", "..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "platform/grants", allow: []string{"sql/db", "..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "platform/presence/...", allow: []string{"platform/presence/...", "platform/redis", "..."}},
	{folder: "platform/cache/...", allow: []string{"platform/cache/...", "platform/redis", "..."}},
	{folder: "platform/limits/...", allow: []string{"platform/limits/...", "platform/redis", "..."}},
	{folder: "platform/bus/...", allow: []string{"platform/bus/...", "..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "platform/tenantdb", allow: []string{"platform/tenantscope", "..."}},
	{folder: "platform/embedded", allow: []string{"platform/child", "..."}},
	{folder: "platform/rabbitmqtest", allow: []string{"platform/child", "..."}},
	{folder: "platform/redistest", allow: []string{"platform/child", "platform/redis", "..."}},
	{folder: "platform/migrate", allow: []string{"sql", "..."}},
	{folder: "platform/postgrestest", allow: []string{"sql", "platform/...", "..."}},
	{folder: "platform/...", allow: []string{"..."}, never: map[string]string{
		"eventstore/...": "platform adapts engines and knows nothing of the log",
	}},
	{folder: "cmd/...", allow: []string{
		"api/...", "cmd/...", "commands/...", "domain/...", "eventstore/...", "platform/...", "projections/...",
		"sdk/go/...", "sql/...", "...",
	}},
}

var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "base"}

func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, offence := range offences(repositoryImports(t)) {
		t.Error(offence)
	}
}

// TestImportRulesFindOffences shows the checker at work on a graph with known
// faults, so that a green TestImportRules means something.
func TestImportRulesFindOffences(t *testing.T) {
	t.Parallel()
	graph := map[string][]string{
		"tansu.cloud/api/rest": {
			"net/http", "tansu.cloud/commands", "tansu.cloud/projections/readmodels/tenantdirectory",
			"github.com/jackc/pgx/v5", "tansu.cloud/eventstore/postgres", "tansu.cloud/projections",
		},
		"tansu.cloud/domain/tenant":    {"time", "tansu.cloud/domain", "context", "os", "tansu.cloud/domain/subject"},
		"tansu.cloud/eventstore":       {"crypto/sha256", "github.com/google/uuid", "github.com/jackc/pgx/v5/pgxpool"},
		"tansu.cloud/platform/bus":     {"github.com/ThreeDotsLabs/watermill", "tansu.cloud/eventstore"},
		"tansu.cloud/platform/migrate": {"tansu.cloud/sql", "github.com/pressly/goose/v3"},
		"tansu.cloud/projections":      {"tansu.cloud/commands", "tansu.cloud/sql/db"},
		"tansu.cloud/platform/util":    {"os"},
		"tansu.cloud/misc":             {"os"},
	}
	require.Equal(t, []string{
		"api/rest imports github.com/jackc/pgx/v5: api never talks to the database; ask a read model or send a command",
		"api/rest imports eventstore/postgres: api depends on the eventstore interfaces; cmd/tansu chooses the adapter",
		"api/rest imports projections: not in the import table for api/... (see docs/ARCHITECTURE.md, Folders)",
		"domain/tenant imports context: the domain does no IO, so nothing in it can be cancelled",
		"domain/tenant imports os: the domain is pure and may not use this part of the standard library",
		"domain/tenant imports domain/subject: not in the import table for domain/... (see docs/ARCHITECTURE.md, Folders)",
		"eventstore imports github.com/jackc/pgx/v5/pgxpool: only eventstore/postgres knows the database",
		"misc: no rule for this package; say in arch_test.go where it stands in the flow",
		"platform/bus imports eventstore: platform adapts engines and knows nothing of the log",
		"platform/util: the name says nothing; name the package after what it does",
		"projections imports commands: projections send commands through an interface of their own",
	}, offences(graph))
}

// offences checks an import graph, package path to direct imports, against the
// rules and names each edge that breaks one.
func offences(graph map[string][]string) []string {
	var found []string
	packages := make([]string, 0, len(graph))
	for p := range graph {
		packages = append(packages, p)
	}
	slices.Sort(packages)
	for _, path := range packages {
		name := strings.TrimPrefix(path, module)
		if slices.Contains(vagueNames, name[strings.LastIndex(name, "/")+1:]) {
			found = append(found, name+": the name says nothing; name the package after what it does")
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.folder, name) })
		if i < 0 {
			found = append(found, name+": no rule for this package; say in arch_test.go where it stands in the flow")
			continue
		}
		for _, imported := range graph[path] {
			if why := rules[i].forbids(imported); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", name, strings.TrimPrefix(imported, module), why))
			}
		}
	}
	return found
}

// forbids returns why the import is not permitted, or nothing.
func (r rule) forbids(path string) string {
	name := strings.TrimPrefix(path, module)
	for pattern, why := range r.never {
		if matches(pattern, name) {
			return why
		}
	}
	ours := name != path
	if first, _, _ := strings.Cut(path, "/"); !ours && !strings.Contains(first, ".") {
		if r.std == nil || slices.Contains(r.std, path) {
			return ""
		}
		return "the domain is pure and may not use this part of the standard library"
	}
	for _, pattern := range r.allow {
		if pattern == "..." && ours {
			continue // everything of others
		}
		if matches(pattern, name) {
			return ""
		}
	}
	return fmt.Sprintf("not in the import table for %s (see docs/ARCHITECTURE.md, Folders)", r.folder)
}

// matches follows the go command: a/... is a and everything below.
func matches(pattern, name string) bool {
	folder, below := strings.CutSuffix(pattern, "...")
	if !below {
		return name == pattern
	}
	return name == strings.TrimSuffix(folder, "/") || strings.HasPrefix(name, folder)
}

func repositoryImports(t *testing.T) map[string][]string {
	t.Helper()
	graph := map[string][]string{}
	for _, p := range goList[struct {
		ImportPath string
		GoFiles    []string
		Imports    []string
	}](t, "-e", "./...") { // -e: a package that does not build is checked all the same
		if len(p.GoFiles) > 0 { // else it holds tests only
			graph[p.ImportPath] = p.Imports
		}
	}
	require.NotEmpty(t, graph)
	return graph
}

// goList runs go list -json and decodes its stream of objects.
func goList[T any](t *testing.T, args ...string) []T {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []T
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var one T
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, one)
	}
}
