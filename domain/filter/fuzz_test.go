package filter_test

import (
	"testing"

	"tansu.cloud/domain/filter"
)

// FuzzParse reads anything: what is accepted is within the bounds, can be
// matched and is read the same when it is written again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`type == "tenant.renamed" && (data.total > 100 || actor != "operator")`,
		`a`, `!a`, `!!(a)`, `@me == data.owner`, `x in [1, -2.5e3, "a", null, true]`, `x in []`,
		`data.name.contains('\u00e4\ud83d\ude00"') || data.name.startsWith("a\\b") || n.endsWith("")`,
		`1 < 2 && "a" <= "b" && 1e308 > 0.5`, `((((a))))`, `a == b == c`, `a = 1`, `"\`, `'`, `-`, `0.`, `..`, `a.`, "\xff", "a\x00b",
		`recorded_at >= "2026-01-31T12:00:00Z"`, `9223372036854775808 == 1e400`, `a and b`, `data.größe == "ß"`, `a in [b`,
	} {
		f.Add(seed)
	}
	fields := fields(f)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := filter.Parse(text)
		if err != nil {
			return
		}
		e.Match(fields)
		written := e.String()
		if len(written) > filter.MaxLength {
			return // escapes and spaces make it longer
		}
		again, err := filter.Parse(written)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, written, err)
		}
		if again.String() != written || again.Match(fields) != e.Match(fields) {
			t.Fatalf("%q was written as %q and read as %q", text, written, again)
		}
	})
}
