package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	redacted    = "[redacted]"
	maxLogValue = 2 << 10 // bytes of one value of a log line
)

// attrBudget is how many bytes of attributes a line may still take.
type attrBudget int

const lineBudget attrBudget = 16 << 10

// sensitiveNames are parts of attribute names whose values are never logged.
var sensitiveNames = []string{
	"authorization", "cookie", "credential", "passphrase", "passwd", "password",
	"apikey", "masterkey", "privatekey", "secret", "token",
}

var nameSeparators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

func sensitive(name string) bool {
	name = nameSeparators.Replace(strings.ToLower(name))
	for _, s := range sensitiveNames {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

var (
	urlPassword = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@?#]*):[^\s@]*@`)
	dsnPassword = regexp.MustCompile(`(?i)\b(password|pwd|sslpassword)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)`)
	bearerToken = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}`)
)

// redact removes passwords of DSNs and URLs, and bearer tokens, from a text.
func redact(s string) string {
	if strings.Contains(s, "://") {
		s = urlPassword.ReplaceAllString(s, "$1:"+redacted+"@")
	}
	if strings.Contains(s, "=") {
		s = dsnPassword.ReplaceAllString(s, "$1="+redacted)
	}
	if strings.Contains(s, " ") {
		s = bearerToken.ReplaceAllString(s, "$1 "+redacted)
	}
	return s
}

// cleanText redacts first, because a cut could leave the beginning of a secret
// that is no longer recognised.
func cleanText(s string) string {
	s = redact(s)
	if len(s) <= maxLogValue {
		return s
	}
	cut := maxLogValue
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:cut], len(s))
}

// clean redacts and shortens the attributes, and leaves out those that go
// beyond the budget, saying how many.
func (b *attrBudget) clean(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, 0, len(attrs))
	for i, a := range attrs {
		if *b <= 0 {
			return append(out, slog.Int("attributes_left_out", len(attrs)-i))
		}
		out = append(out, b.cleanAttr(a))
	}
	return out
}

func (b *attrBudget) cleanAttr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	*b -= attrBudget(len(a.Key) + 8)
	switch a.Value.Kind() {
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(b.clean(a.Value.Group())...)}
	case slog.KindString:
		return b.text(a.Key, a.Value.String())
	case slog.KindAny:
		return b.text(a.Key, anyText(a.Value.Any()))
	}
	return a // numbers, booleans and times are short and no secrets
}

func (b *attrBudget) text(key, s string) slog.Attr {
	if sensitive(key) {
		s = redacted
	}
	s = cleanText(s)
	*b -= attrBudget(len(s))
	return slog.String(key, s)
}

// anyText renders structs and maps as JSON, in which the same names are
// sensitive as among attributes.
func anyText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return fmt.Sprintf("%T", v)
	}
	if raw, err = json.Marshal(redactTree(tree)); err != nil {
		return fmt.Sprintf("%T", v)
	}
	return string(raw)
}

func redactTree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if sensitive(k) {
				v[k] = redacted
			} else {
				v[k] = redactTree(v[k])
			}
		}
	case []any:
		for i := range v {
			v[i] = redactTree(v[i])
		}
	}
	return v
}
