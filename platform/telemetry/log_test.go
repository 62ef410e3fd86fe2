package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

// logged returns the fields of the one JSON line that log writes.
func logged(t *testing.T, log func(*slog.Logger)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log(newLogger(Config{LogFormat: "json", LogLevel: "debug", LogOutput: &out}))
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "one line")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	return line
}

func TestLogCarriesTheTrace(t *testing.T) {
	t.Parallel()
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := trace.ContextWithSpanContext(context.Background(), span)

	line := logged(t, func(l *slog.Logger) {
		l.With("node", "n1").WithGroup("http").With("method", "GET").InfoContext(ctx, "served", "status", 200)
	})
	require.Equal(t, "01000000000000000000000000000000", line["trace_id"])
	require.Equal(t, "0200000000000000", line["span_id"])
	require.Equal(t, "n1", line["node"])
	require.Equal(t, map[string]any{"method": "GET", "status": float64(200)}, line["http"])
}

func TestLogRedactsSensitiveNames(t *testing.T) {
	t.Parallel()
	type login struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	line := logged(t, func(l *slog.Logger) {
		l.With("Cookie", "sid=s3cret").Info("hello",
			"Authorization", "Bearer s3cret",
			"operator_token", "s3cret",
			slog.Group("db", "dsn-password", "s3cret", "host", "localhost"),
			"login", login{"ann", "s3cret"},
			"headers", http.Header{"Set-Cookie": {"s3cret"}, "Accept": {"*/*"}},
			"api_key", slog.AnyValue([]string{"s3cret"}),
			"retries", 3)
	})
	raw, err := json.Marshal(line)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "s3cret")
	require.Equal(t, map[string]any{"dsn-password": redacted, "host": "localhost"}, line["db"])
	require.JSONEq(t, `{"user":"ann","password":"[redacted]"}`, line["login"].(string))
	require.JSONEq(t, `{"Set-Cookie":"[redacted]","Accept":["*/*"]}`, line["headers"].(string))
	require.EqualValues(t, 3, line["retries"])
}

func TestRedactFindsPasswordsInsideText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"dial postgres://tansu:s3/c:ret@db:5432/x failed":  "dial postgres://tansu:[redacted]@db:5432/x failed",
		"postgres://db:5432/x?password=s3cret&sslmode=off": "postgres://db:5432/x?password=[redacted]&sslmode=off",
		`host=db password='it\'s s3cret' user=x`:           `host=db password=[redacted] user=x`,
		`host=db Password = s3cret user=x`:                 `host=db Password=[redacted] user=x`,
		"got header Bearer abcdefgh1234":                   "got header Bearer [redacted]",
		"https://tansu.cloud/a@b has no password":          "https://tansu.cloud/a@b has no password",
		"mail to ann@example.com: nothing to hide":         "mail to ann@example.com: nothing to hide",
	} {
		require.Equal(t, want, redact(in))
	}
	line := logged(t, func(l *slog.Logger) {
		l.Error("cannot reach postgres://u:s3cret@h/db", "error", errors.New("password=s3cret refused"))
	})
	require.Equal(t, "cannot reach postgres://u:[redacted]@h/db", line["msg"])
	require.Equal(t, "password=[redacted] refused", line["error"])
}

func TestLogLinesAreBounded(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("ä", 1<<20)
	args := []any{"first", huge}
	for range 100 {
		args = append(args, "more", huge)
	}
	var out bytes.Buffer
	l := newLogger(Config{LogFormat: "json", LogOutput: &out})
	l.With("own", huge).Info(huge, args...)
	require.Less(t, out.Len(), 64<<10)

	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, strings.Repeat("ä", maxLogValue/2)+"… (2097152 bytes)", line["first"])
	require.Greater(t, line["attributes_left_out"], float64(90))
}

func TestLogLevelAndFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLogger(Config{LogLevel: "warn", LogOutput: &out})
	l.Info("hidden")
	l.Warn("shown", "answer", 42)
	require.NotContains(t, out.String(), "hidden")
	require.Contains(t, out.String(), `level=WARN msg=shown answer=42`)
}

func BenchmarkLog(b *testing.B) {
	var out bytes.Buffer
	l := newLogger(Config{LogFormat: "json", LogOutput: &out})
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		l.Info("request served", "request_id", "r-1", "tenant_id", "acme", "method", "GET", "route", "/v1/tenants", "status", 200)
	}
}
