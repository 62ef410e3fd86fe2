package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const acme = `{"id":"0192f0c1-0000-7000-8000-000000000001","slug":"acme","name":"Acme – Ltd","status":"active",` +
	`"settings":{"z":1,"a":[true,null,"x: y"],"n":9007199254740993},"version":3,` +
	`"created_at":"2026-01-31T12:00:00Z","updated_at":"2026-02-01T00:00:00.5Z","later":"kept"}`

const globex = `{"id":"0192f0c1-0000-7000-8000-000000000002","slug":"globex","name":"Globex","status":"suspended",` +
	`"settings":{},"version":12,"created_at":"2026-02-01T12:00:00Z","updated_at":"2026-02-01T12:00:00Z"}`

// golden compares with a file of testdata; UPDATE_GOLDEN=1 writes it instead.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestOutputFormats(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("GET /v1/tenants", `{"items":[`+acme+`,`+globex+`]}`)
	f.answer("GET /v1/tenants/acme", acme)
	f.appendEvents(3)
	for name, args := range map[string][]string{
		"tenants_list": {"tenants", "list"},
		"tenants_show": {"tenants", "show", "acme"},
		"events_list":  {"events", "list"},
	} {
		for _, format := range []string{"table", "json", "yaml", "jsonl"} {
			r := tansu(t, f.URL, append(args, "-o", format)...).wantOK(t)
			require.Empty(t, r.stderr)
			golden(t, name+"_"+format, r.stdout)
		}
	}
}

func TestEmptyListsInEveryFormat(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for format, want := range map[string]string{"table": "", "json": "[]\n", "yaml": "[]\n", "jsonl": ""} {
		r := tansu(t, f.URL, "events", "list", "-o", format).wantOK(t)
		require.Equal(t, want, r.stdout, format)
		require.Equal(t, "Nothing found.\n", r.stderr)
		require.Empty(t, tansu(t, f.URL, "events", "list", "-q", "-o", format).stderr)
	}
}

func TestListsGoThroughAllPages(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.appendEvents(450)
	var all []eventInfo
	r := tansu(t, f.URL, "events", "list", "--all", "-o", "json").wantOK(t)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &all))
	require.Len(t, all, 450)
	for i, e := range all {
		require.EqualValues(t, i+1, e.Position)
	}
	require.Len(t, f.seen, 3)
	require.Empty(t, r.stderr)

	r = tansu(t, f.URL, "events", "list", "--limit", "250", "-o", "jsonl").wantOK(t)
	require.Equal(t, 250, strings.Count(r.stdout, "\n"))
	require.Contains(t, r.stderr, "--all")

	lines := strings.Split(strings.TrimSpace(tansu(t, f.URL, "events", "list", "--all").wantOK(t).stdout), "\n")
	require.Len(t, lines, 451, "one header for all pages")
	require.Equal(t, strings.Index(lines[1], "tenant.created"), strings.Index(lines[450], "tenant.created"), "columns stay aligned")
}

func TestTablesDisarmTerminalSequences(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	hostile := strings.ReplaceAll(globex, "Globex", `\u001b[2Jred\nline \u202eevil\u0007 long `+strings.Repeat("x", 300))
	f.answer("GET /v1/tenants", `{"items":[`+hostile+`]}`)
	out := tansu(t, f.URL, "tenants", "list").wantOK(t).stdout
	require.NotContains(t, out, "\x1b")
	require.NotContains(t, out, "\u202e")
	require.NotContains(t, out, "\x07")
	require.Contains(t, out, strings.Repeat("x", 300), "piped tables are never shortened")
}

func TestToYAML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"b":18446744073709551615,"a":-9007199254740993}`: "b: 18446744073709551615\na: -9007199254740993\n",
		`{"f":1.5,"s":"yes","u":"\ud83d\ude00"}`:           "f: 1.5\ns: \"yes\"\nu: 😀\n",
		`{"l":[],"m":{},"z":null}`:                         "l: []\nm: {}\nz: null\n",
		`{"lines":"x\ny\n"}`:                               "lines: |\n  x\n  y\n",
		`{"\u001b[2J":"a\u001b]0;b\u0007"}`:                "\"\\x1b[2J\": \"a\\x1b]0;b\\a\"\n",
		`["\u202ea\nb", "\u009b31m", "x\r\n\ty"]`:          "- \"\\u202ea\\nb\"\n- \"\\u009b31m\"\n- \"x\\r\\n\\ty\"\n",
	} {
		out, err := toYAML(json.RawMessage(in))
		require.NoError(t, err)
		require.Equal(t, want, string(out), in)
		var back any
		require.NoError(t, yaml.Unmarshal(out, &back), in)
	}
}
