package filter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/filter"
)

// record is what the tests match against.
const record = `{
	"type": "tenant.renamed", "version": 3, "actor": "user:7", "flag": true, "off": false, "nothing": null,
	"data": {
		"name": "Größe \"XL\"", "total": 100.5, "whole": 3.0, "big": 9007199254740993, "huge": 1e400, "less": -2,
		"deep": {"er": {"n": 1}}, "list": [1, 2], "in": "reserved", "text": "10", "empty": ""
	}
}`

var recorded = time.Date(2026, 1, 31, 12, 0, 0, 500_000_000, time.UTC)

func fields(t testing.TB) func(string) (filter.Value, bool) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(record))
	decoder.UseNumber()
	var root any
	require.NoError(t, decoder.Decode(&root))
	return func(path string) (filter.Value, bool) {
		if path == "recorded_at" {
			return filter.Time(recorded), true
		}
		v := root
		for name := range strings.SplitSeq(path, ".") {
			object, _ := v.(map[string]any)
			var found bool
			if v, found = object[name]; !found {
				return filter.Value{}, false
			}
		}
		return filter.JSON(v), true
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	fields := fields(t)
	for text, want := range map[string]bool{
		`type == "tenant.renamed"`:                          true,
		`type=='tenant.renamed'&&version==3`:                true,
		`"tenant.renamed" == type`:                          true,
		`type != "tenant.renamed" || version > 2`:           true,
		`version < 3`:                                       false,
		`version <= 3 && version >= 3`:                      true,
		`(version == 1 || version == 3) && actor != ""`:     true,
		`version == 1 || version == 3 && actor == "nobody"`: false,
		`flag`:                                 true,
		`!flag`:                                false,
		`!off && !!flag`:                       true,
		`true && !false`:                       true,
		`!(version == 3)`:                      false,
		`flag == true`:                         true,
		`version`:                              false, // not a boolean
		`!version`:                             true,
		`data.name == "Größe \"XL\""`:          true,
		`data.name == 'Gr\u00f6\u00dfe "XL"'`:  true,
		`data.name.contains("ß")`:              true,
		`data.name.contains("xl")`:             false,
		`data.name.startsWith("Grö")`:          true,
		`data.name.endsWith("XL")`:             false,
		`!data.name.endsWith("XL")`:            true,
		`data.total.contains("1")`:             false, // not a text
		`missing.contains("")`:                 false,
		`data.empty.contains("")`:              true,
		`data.total > 100 && data.total < 101`: true,
		`data.total == 100.50`:                 true,
		`data.whole == 3`:                      true,
		`data.whole == version`:                true,
		`data.big == 9007199254740993`:         true,
		`data.big == 9007199254740992`:         false, // not rounded
		`data.big > 9007199254740992.5`:        true,
		`data.huge > 1e308`:                    true,
		`data.less == -2 && data.less<-1`:      true,
		`data.deep.er.n == 1`:                  true,
		`data.in == "reserved"`:                true,
		`data.text == 10`:                      false, // of different kinds
		`data.text != 10`:                      true,
		`data.text < 10 || data.text >= 10`:    false,
		`data.text < "9"`:                      true, // by code point
		`missing == null`:                      true,
		`nothing == null`:                      true,
		`data.deep.missing == null`:            true,
		`type.name == null`:                    true,
		`missing == nothing`:                   true,
		`missing != 1`:                         true,
		`missing == false || missing == "" || missing == 0`: false,
		`null == null && null != 0`:                         true,
		`missing < 1 || missing <= null || flag > off`:      false,
		`data.list == data.list`:                            false,
		`data.list != null`:                                 true,
		`data.deep == null`:                                 false,
		`type in ["a", "tenant.renamed"]`:                   true,
		`version in [1, 2]`:                                 false,
		`version in []`:                                     false,
		`missing in [1, null]`:                              true,
		`3 in [3.0]`:                                        true,
		`!(actor in ['operator'])`:                          true,
		`recorded_at > "2026-01-31"`:                        true,
		`recorded_at < "2026-02-01"`:                        true,
		`recorded_at >= "2026-01-31T12:00:00Z"`:             true,
		`"2026-01-31T12:00:01Z" > recorded_at`:              true,
		`recorded_at == "2026-01-31T13:00:00.5+01:00"`:      true,
		`recorded_at in ["2026-01-31T12:00:00.500000Z"]`:    true,
		`recorded_at == "yesterday" || recorded_at < "x"`:   false,
		`@me == null`:                                       true,
		" type\t==\r\n\"tenant.renamed\" ":                  true,
	} {
		e, err := filter.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, e.Match(fields), text)
	}
}

func TestSyntaxErrorsSayWhereAndHow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                        `at offset 0: the expression is empty; leave the filter out to select everything`,
		"  \n":                    `at offset 0: the expression is empty`,
		`type = "a"`:              `at offset 5: "=" is not an operator; use "=="`,
		`type == "a" & flag`:      `at offset 12: "&" is not an operator; use "&&"`,
		`a | b`:                   `use "||"`,
		`a <> b`:                  `at offset 2: "<>" is not an operator; use "!="`,
		`a == 1 and b == 2`:       `at offset 7: "and" is not an operator; use "&&"`,
		`not a`:                   `use "!"`,
		`a IN [1]`:                `use "in"`,
		`type == tenant renamed`:  `at offset 15: expected &&, || or the end, found "renamed"`,
		`type == "a`:              `at offset 8: the text that begins here has no closing quote`,
		`type == "a\q"`:           `at offset 10: this is not an escape; write \\ for a backslash`,
		`type == "\ud83d"`:        `half a character`,
		`type == "\ud83d\u0041"`:  `half a character`,
		`type == "\u12g4"`:        `not an escape`,
		`type == "\`:              `not an escape`,
		`version == 007`:          `at offset 11: a number has no leading zeros`,
		`version == 1.`:           `a digit is missing after the decimal point`,
		`version == 1e`:           `a digit is missing in the exponent`,
		`version == -`:            `a digit is missing`,
		`version == 1e999`:        `the number is too large`,
		`version == 12ab`:         `at offset 13: 'a' cannot follow a number; put a text into quotes`,
		`version == 1.2.3`:        `cannot follow a number`,
		`version == +1`:           `'+' cannot stand here`,
		`a == b; c`:               `cannot stand here`,
		`"alone"`:                 `at offset 0: "alone" alone is not a condition; compare it`,
		`a == 1 && 5`:             `at offset 10: 5 alone is not a condition`,
		`a || null`:               `null alone is not a condition`,
		`!"a"`:                    `at offset 1: "a" alone is not a condition`,
		`!a == b`:                 `put the comparison into parentheses: !(a == b)`,
		`!a in [1]`:               `put the comparison into parentheses`,
		`a < b < c`:               `at offset 6: comparisons cannot be chained; combine them with &&`,
		`(a == b) == c`:           `at offset 0: a condition cannot be compared`,
		`a == (b && c)`:           `at offset 5: a condition cannot be compared`,
		`(a == b`:                 `at offset 7: expected ), found the end`,
		`a == b)`:                 `at offset 6: expected &&, || or the end, found ")"`,
		`a == `:                   `expected a field, a literal or a condition in parentheses, found the end`,
		`&& a`:                    `expected a field, a literal`,
		`a in "b"`:                `expected a list after "in", such as ["a", "b"], found a text`,
		`a in [b]`:                `at offset 6: a list holds literals; put a text into quotes`,
		`a in [1 2]`:              `expected "," or "]", found "2"`,
		`a in [1,]`:               `expected a field, a literal`,
		`a in [1`:                 `expected "," or "]", found the end`,
		`data. == 1`:              `at offset 5: a name of letters, digits and "_" is missing`,
		`data..x`:                 `a name of letters`,
		`@ == 1`:                  `a name of letters`,
		`data.name.like("x")`:     `"like" is not a function; use contains, startsWith or endsWith`,
		`contains(name, "x")`:     `a function follows its field: data.name.contains("text")`,
		`data.name.contains(1)`:   `expected a text in quotes, found "1"`,
		`data.name.contains("x"`:  `expected ), found the end`,
		"type == \"a\xff\"":       `at offset 10: the expression is not valid UTF-8`,
		"\ufffd\xff":              `at offset 3: the expression is not valid UTF-8`,
		strings.Repeat("x", 2001): `at offset 2000: the expression has 2001 bytes; at most 2000 are allowed`,
		strings.Repeat("(", 11) + "a" + strings.Repeat(")", 11): `at offset 10: parentheses and negations are more than 10 deep; write the expression flatter`,
		strings.Repeat("!", 11) + "a":                           `more than 10 deep`,
		strings.Repeat("a || ", 49) + "a":                       `more than 50 conditions, fields and literals; make it shorter`,
		"a in [" + strings.Repeat("1,", 60) + "1]":              `more than 50 conditions`,
	} {
		_, err := filter.Parse(text)
		var syntax *filter.SyntaxError
		require.ErrorAs(t, err, &syntax, text)
		require.ErrorContains(t, err, want, text)
		require.LessOrEqual(t, syntax.Offset, len(text))
	}
}

func TestBoundsAdmitWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("(", 10) + "a" + strings.Repeat(")", 10),
		strings.Repeat("!", 10) + "a",
		strings.Repeat("(a) && ", 20) + "(a)", // beside one another
		strings.Repeat("a || ", 48) + "a",
		"a == '" + strings.Repeat("x", filter.MaxLength-7) + "'",
	} {
		_, err := filter.Parse(text)
		require.NoError(t, err, text)
	}
}

func TestFieldsOfAnExpression(t *testing.T) {
	t.Parallel()
	e, err := filter.Parse(`!(type == data.kind) || (@me in [1] && data.name.contains("x")) || flag`)
	require.NoError(t, err)
	var found []string
	for f := range e.Fields() {
		found = append(found, f.Path)
	}
	require.Equal(t, []string{"type", "data.kind", "@me", "data.name", "flag"}, found)
	for f := range e.Fields() {
		require.Equal(t, 2, f.Offset)
		break
	}
}

func TestValuesOutside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value filter.Value
		kind  filter.Kind
		want  any
	}{
		{filter.Value{}, filter.KindNull, nil},
		{filter.JSON(nil), filter.KindNull, nil},
		{filter.JSON(true), filter.KindBool, true},
		{filter.JSON(1.5), filter.KindNumber, 1.5},
		{filter.JSON(2.0), filter.KindNumber, int64(2)},
		{filter.JSON(json.Number("-7")), filter.KindNumber, int64(-7)},
		{filter.JSON("x"), filter.KindText, "x"},
		{filter.Time(recorded), filter.KindTime, recorded},
		{filter.JSON([]any{}), filter.KindNested, nil},
	} {
		require.Equal(t, c.kind, c.value.Kind())
		require.Equal(t, c.want, c.value.Any())
	}
}

func BenchmarkMatch(b *testing.B) {
	e, err := filter.Parse(`type == "tenant.renamed" && (data.total > 100 || actor != "operator") && data.name.contains("XL")`)
	require.NoError(b, err)
	fields := fields(b)
	b.ReportAllocs()
	for b.Loop() {
		if !e.Match(fields) {
			b.Fatal("must match")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := filter.Parse(`type == "tenant.renamed" && (data.total > 100 || actor != "operator")`); err != nil {
			b.Fatal(err)
		}
	}
}
