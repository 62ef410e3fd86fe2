// Package docs_test compares the documentation with the code that it describes:
// links, events, problem codes, settings, commands and metrics.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pages := 0
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		pages++
		text := read(t, path)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			}
		}
		return nil
	}))
	require.Greater(t, pages, 10)
}

// TestEveryCommandIsListed: each cobra.Command of the binary, by its name.
func TestEveryCommandIsListed(t *testing.T) {
	t.Parallel()
	page := read(t, "cli.md")
	found := 0
	eachFile(t, "../cmd/tansu", func(fset *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			field, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := field.Key.(*ast.Ident)
			value, isText := field.Value.(*ast.BasicLit)
			if !isName || !isText || key.Name != "Use" {
				return true
			}
			found++
			use, err := strconv.Unquote(value.Value)
			require.NoError(t, err)
			name, _, _ := strings.Cut(use, " ")
			if !regexp.MustCompile("`[^`]*\\b" + regexp.QuoteMeta(name) + "\\b[^`]*`").MatchString(page) {
				t.Errorf("%s has the command %q, which cli.md does not list", fset.Position(n.Pos()), name)
			}
			return true
		})
	})
	require.NotZero(t, found)
}

// TestEveryMetricIsExplained: each name of a metric or attribute of Tansu's own.
func TestEveryMetricIsExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "observability.md")
	ours := regexp.MustCompile(`^tansu\.[a-z_.]+$`)
	found := 0
	for _, root := range []string{"../api", "../commands", "../eventstore", "../platform/bus/jobs", "../platform/cache", "../platform/telemetry", "../projections"} {
		eachText(t, root, func(text string, at token.Position) {
			if ours.MatchString(text) {
				found++
				if !strings.Contains(page, "`"+text+"`") {
					t.Errorf("%s: %s is missing in observability.md", at, text)
				}
			}
		})
	}
	require.NotZero(t, found)
}

// eachText visits the text constants of the Go files below a folder.
func eachText(t *testing.T, root string, visit func(text string, at token.Position)) {
	t.Helper()
	eachFile(t, root, func(fset *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				visit(text, fset.Position(lit.Pos()))
			}
			return true
		})
	})
}

// eachFile parses the Go files below a folder, without tests.
func eachFile(t *testing.T, root string, visit func(*token.FileSet, *ast.File)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err == nil {
			visit(fset, file)
		}
		return err
	}))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
