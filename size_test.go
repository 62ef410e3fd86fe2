package tansu_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const maxLines = 600

func TestNoFileGrowsTooLong(t *testing.T) {
	t.Parallel()
	eachGoFile(t, ".", func(path string, content []byte) {
		if lines := bytes.Count(content, []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines, the limit is %d; it probably does two things", path, lines, maxLines)
		}
	})
}

// TestDomainHasNoClock complements the import rules: package time is allowed in
// the domain for its values, not for asking what time it is or for waiting.
func TestDomainHasNoClock(t *testing.T) {
	t.Parallel()
	clock := map[string]bool{
		"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
		"Tick": true, "NewTimer": true, "NewTicker": true,
	}
	eachGoFile(t, "domain", func(path string, content []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, content, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && clock[sel.Sel.Name] {
				t.Errorf("%s: time.%s in the domain; times are inputs", fset.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	})
}

// eachGoFile visits the hand-written Go files below a folder.
func eachGoFile(t *testing.T, root string, visit func(path string, content []byte)) {
	t.Helper()
	seen := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == filepath.Join("sql", "db") || (len(d.Name()) > 1 && strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		visit(path, content)
		return nil
	}))
	require.NotZero(t, seen, "no Go files below %s", root)
}
