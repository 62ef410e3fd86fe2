package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Start changes the OpenTelemetry globals, so the tests that call it do not run
// in parallel with each other.

func start(t *testing.T, cfg Config) *Telemetry {
	t.Helper()
	cfg.Service, cfg.NodeID, cfg.LogOutput = "tansu-test", "node-1", io.Discard
	tel, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tel.Stop(context.Background()) })
	return tel
}

// collect runs an OTLP/HTTP collector and returns its base URL and what it got.
func collect(t *testing.T) (url string, got <-chan *v1.ResourceSpans) {
	t.Helper()
	spans := make(chan *v1.ResourceSpans, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err == nil && r.URL.Path == "/v1/traces" && proto.Unmarshal(body, &req) == nil {
			for _, rs := range req.ResourceSpans {
				spans <- rs
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, spans
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	rec := httptest.NewRecorder()
	tel.Handler().ServeHTTP(rec, req)
	require.Equal(t, http.StatusOK, rec.Code)
	require.Contains(t, rec.Header().Get("Content-Type"), "application/openmetrics-text")
	return rec.Body.String()
}

func TestTracesReachTheCollector(t *testing.T) {
	url, got := collect(t)
	tel := start(t, Config{Version: "1.2.3", OTLPEndpoint: url})

	ctx, span := otel.Tracer("test").Start(t.Context(), "command")
	tracer := PgxTracer()
	sql := "-- name: InsertEvents :exec\nINSERT INTO events VALUES ($1)" + strings.Repeat(" ", 4000)
	qctx := tracer.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: sql, Args: []any{"s3cret"}})
	tracer.TraceQueryEnd(qctx, nil, pgx.TraceQueryEndData{})
	span.End()
	require.NoError(t, tel.Stop(t.Context()))

	rs := <-got
	require.Contains(t, rs.String(), "tansu-test")
	require.Contains(t, rs.String(), "1.2.3")
	require.Contains(t, rs.String(), "node-1")
	require.NotContains(t, rs.String(), "s3cret", "parameters must not be recorded")
	var query *v1.Span
	for _, scope := range rs.ScopeSpans {
		for _, s := range scope.Spans {
			if s.Name == "InsertEvents" {
				query = s
			}
		}
	}
	require.NotNil(t, query, "the query's span is named by the query")
	for _, a := range query.Attributes {
		if a.Key == "db.query.text" {
			require.Len(t, a.Value.GetStringValue(), maxSpanValue)
		}
	}
}

func TestEnvironmentAsksForExport(t *testing.T) {
	url, got := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	tel := start(t, Config{})
	_, span := otel.Tracer("test").Start(t.Context(), "from env")
	span.End()
	require.NoError(t, tel.Stop(t.Context()))
	require.Contains(t, (<-got).String(), "from env")
}

func TestWithoutCollectorTracesHaveIDsOnly(t *testing.T) {
	start(t, Config{})
	_, span := otel.Tracer("test").Start(t.Context(), "local")
	require.True(t, span.SpanContext().IsValid())
	require.False(t, span.IsRecording())

	// The caller's decision travels on.
	carrier := propagation.MapCarrier{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx := otel.GetTextMapPropagator().Extract(t.Context(), carrier)
	_, span = otel.Tracer("test").Start(ctx, "remote")
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.SpanContext().TraceID().String())
	require.True(t, span.SpanContext().IsSampled())
}

func TestStopIsBoundedWhenTheCollectorHangs(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer srv.Close()
	defer close(hang)
	tel := start(t, Config{OTLPEndpoint: srv.URL})
	_, span := otel.Tracer("test").Start(t.Context(), "lost")
	span.End()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, tel.Stop(ctx), context.DeadlineExceeded)
}

func TestMetricsWithExemplars(t *testing.T) {
	url, _ := collect(t)
	tel := start(t, Config{OTLPEndpoint: url})
	meter := otel.Meter("test")
	duration, err := meter.Float64Histogram("tansu.command.duration", metric.WithUnit("s"))
	require.NoError(t, err)
	batch, err := meter.Int64Histogram("tansu.append.batch", metric.WithUnit("{event}"))
	require.NoError(t, err)
	ctx, span := otel.Tracer("test").Start(t.Context(), "command")
	duration.Record(ctx, 0.003)
	batch.Record(ctx, 70)
	span.End()

	text := scrape(t, tel)
	require.Regexp(t, `tansu_command_duration_seconds_bucket{[^}]*le="0.005"} 1 # {[^}]*trace_id="`+span.SpanContext().TraceID().String(), text)
	require.Regexp(t, `tansu_append_batch_bucket{[^}]*le="50.0"} 0`, text)
	require.Regexp(t, `target_info{[^}]*service_instance_id="node-1"`, text)
	require.Contains(t, text, "go_goroutines")
	require.Contains(t, text, "process_resident_memory_bytes")
}

func TestObservePool(t *testing.T) {
	tel := start(t, Config{})
	cfg, err := pgxpool.ParseConfig("postgres://nobody@127.0.0.1:1/none?pool_max_conns=7")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg) // connects on demand only
	require.NoError(t, err)
	t.Cleanup(pool.Close)

	stop, err := ObservePool("main", pool)
	require.NoError(t, err)
	text := scrape(t, tel)
	require.Regexp(t, `db_client_connection_max{[^}]*db_client_connection_pool_name="main"[^}]*} 7`, text)
	require.Regexp(t, `db_client_connection_count{[^}]*db_client_connection_state="idle"[^}]*} 0`, text)

	require.NoError(t, stop())
	require.NotContains(t, scrape(t, tel), "db_client_connection_max{")
}

func TestConfigErrorsAreReportedTogether(t *testing.T) {
	_, err := Start(t.Context(), Config{LogLevel: "loud", LogFormat: "xml", OTLPEndpoint: "localhost:4318", SampleRatio: 2})
	for _, want := range []string{"service", "loud", "xml", "OTLP endpoint", "sample ratio"} {
		require.ErrorContains(t, err, want)
	}
}

func TestQueryName(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"-- name: ReadLog :many\nSELECT 1": "ReadLog",
		"-- a comment\nselect 1":           "SELECT",
		"begin":                            "BEGIN",
	} {
		require.Equal(t, want, queryName(t.Context(), sql))
	}
}
