package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/problem"
)

func TestCursorsFitOneQueryOnly(t *testing.T) {
	t.Parallel()
	c := cursors{bytes.Repeat([]byte{1}, 32)}
	b := bookmark{Sort: "ключ", ID: uuid.MustParse("01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"), After: 1 << 60}
	token := c.seal(b, "route", "filter")
	opened, err := c.open(token, "route", "filter")
	require.NoError(t, err)
	require.Equal(t, b, opened)
	for name, query := range map[string][]string{"filter": {"route", "other"}, "fewer": {"route"}, "joined": {"routefilter"}} {
		_, err := c.open(token, query...)
		require.Error(t, err, name)
	}
	_, err = cursors{bytes.Repeat([]byte{2}, 32)}.open(token, "route", "filter")
	require.Error(t, err, "another key")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		_, err := c.open(base64.RawURLEncoding.EncodeToString(changed), "route", "filter")
		require.Error(t, err, "byte %d", i)
	}
}

func FuzzCursor(f *testing.F) {
	c := cursors{bytes.Repeat([]byte{1}, 32)}
	valid := c.seal(bookmark{After: 7}, "q")
	for _, seed := range []string{valid, valid + "=", valid[1:], "", "AAAA", strings.Repeat("A", 5000), "\x00", "%%%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		b, err := c.open(token, "q")
		if err != nil {
			require.Equal(t, problem.CursorInvalid, problem.From(err).Code)
			return
		}
		require.Equal(t, token, c.seal(b, "q"), "only what the server sealed opens")
	})
}

func TestParseEntityTags(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]entityTags{
		"":                  {},
		"  ":                {},
		"*":                 {present: true, any: true},
		`"1"`:               {present: true, strong: []string{`"1"`}},
		` "1" , W/"2","3" `: {present: true, strong: []string{`"1"`, `"3"`}, weak: []string{`"2"`}},
		`"a,b"`:             {present: true, strong: []string{`"a,b"`}},
		`""`:                {present: true, strong: []string{`""`}},
	} {
		got, err := parseEntityTags("If-Match", value)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"1", `"1`, `1"`, `w/"1"`, `"1" "2"`, `*, "1"`, `"1",`, `,"1"`, `"a b"`} {
		_, err := parseEntityTags("If-Match", value)
		require.Error(t, err, value)
	}
	tags, err := parseEntityTags("If-Match", `"1", "02", "0", "-3", "+4", "x", "9223372036854775808", W/"5", "6"`)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 6}, tags.versions())
}

func FuzzEntityTags(f *testing.F) {
	for _, seed := range []string{"", "*", `"1"`, `W/"1", "2"`, `"`, `""`, "W/", `"1",,"2"`, "\x00", `"` + strings.Repeat("9", 400) + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		tags, err := parseEntityTags("If-Match", value)
		if err != nil {
			require.Equal(t, problem.HeaderInvalid, problem.From(err).Code)
			return
		}
		for _, v := range tags.versions() {
			require.Positive(t, v)
			require.Contains(t, value, etag(v))
		}
	})
}

func TestParsePrefer(t *testing.T) {
	t.Parallel()
	s := &server{Deps: Deps{Config: Config{WaitDefault: 2 * time.Second}}}
	for value, want := range map[string]preferences{
		"":                              {wait: 2 * time.Second},
		"return=minimal; foo, bar":      {wait: 2 * time.Second},
		"wait=5":                        {wait: 5 * time.Second, waitSet: true},
		`Wait = "7" ; x`:                {wait: 7 * time.Second, waitSet: true},
		"wait=5, wait=9":                {wait: 5 * time.Second, waitSet: true},
		"wait=4000":                     {wait: 30 * time.Second, waitSet: true},
		"wait=0":                        {waitSet: true},
		"respond-async":                 {wait: 2 * time.Second, async: true},
		"handling=strict,respond-async": {wait: 2 * time.Second, async: true},
	} {
		got, err := s.parsePrefer(value)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "wait=99999999999"} {
		_, err := s.parsePrefer(value)
		require.Error(t, err, value)
	}
}

func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{"", "wait=5", "respond-async", "wait=\"1\";a=b, x", ",,,;;;===", "WAIT=99999999999999999999", "\x00"} {
		f.Add(seed)
	}
	s := &server{Deps: Deps{Config: Config{WaitDefault: 2 * time.Second}}}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := s.parsePrefer(value)
		if err != nil {
			require.Equal(t, problem.HeaderInvalid, problem.From(err).Code)
			return
		}
		require.LessOrEqual(t, p.wait, MaxWait)
		require.GreaterOrEqual(t, p.wait, time.Duration(0))
	})
}

func FuzzCanonicalJSON(f *testing.F) {
	for _, seed := range []string{`{"b":1,"a":[true,null,"x"]}`, `{"a":1,"a":2}`, `[`, `1e999`, `"\u0000"`, "\xff", `{}{}`, strings.Repeat("[", 100), `"\ud800"`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		canonical, err := canonicalJSON(body)
		if err != nil {
			require.Equal(t, problem.MalformedJSON, problem.From(err).Code)
			return
		}
		require.True(t, json.Valid(body))
		again, err := canonicalJSON([]byte(canonical))
		require.NoError(t, err)
		require.Equal(t, canonical, again)
	})
}

func TestPointer(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"body":                  "",
		"body.slug":             "/slug",
		"body.items[3].tags[0]": "/items/3/tags/0",
		"body.a/b~c":            "/a~1b~0c",
		"query.limit":           "/query/limit",
		"header.If-Match":       "/header/If-Match",
	} {
		require.Equal(t, want, pointer(location), location)
	}
	require.Less(t, len(pointer("body."+strings.Repeat("secret", 100))), 80)
}

// TestNoMessageOfHumaIsPassedOnBlindly: what holds a value is replaced.
func TestNoMessageOfHumaIsPassedOnBlindly(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		`expected string to be RFC 4122 uuid: invalid urn prefix: "hunter2"`, `invalid character 'h'`, `invalid value: hunter2`, "whatever: hunter2",
	} {
		_, safe := ruleOf(message)
		require.NotContains(t, safe, "hunter2")
	}
}
