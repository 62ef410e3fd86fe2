package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/api/middleware"
)

var (
	spans   = tracetest.NewSpanRecorder()
	metrics = metric.NewManualReader()
)

func TestMain(m *testing.M) {
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(metrics)))
	m.Run()
}

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// ourPages are those of one origin.
func ourPages(_ *http.Request, origin string) bool { return origin == "https://app.example.com" }

// stack is all layers in their order around a handler at one route.
func stack(log *bytes.Buffer, route middleware.Route, h http.HandlerFunc) http.Handler {
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return middleware.Chain(h,
		middleware.Begin(logger, func(*http.Request) middleware.Route { return route }),
		middleware.RequestID, middleware.Client(trusted), middleware.Trace, middleware.AccessLog(logger),
		middleware.Compress, middleware.SecurityHeaders, middleware.CORS(ourPages),
		middleware.Limits(8<<10, 1<<10), middleware.Timeout(time.Minute))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func get(target string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(http.ResponseWriter, *http.Request) {})
	require.Equal(t, "abc-1.2:3_x", serve(h, get("/", "X-Request-Id", "abc-1.2:3_x")).Header().Get("X-Request-Id"))
	for _, bad := range []string{"", "a b", "ключ", "a\"b", strings.Repeat("x", 129)} {
		got := serve(h, get("/", "X-Request-Id", bad)).Header().Get("X-Request-Id")
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7`, got, bad)
	}
}

func TestOneTraceFromTheCaller(t *testing.T) {
	t.Parallel()
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	var inside trace.SpanContext
	var info middleware.Info
	h := stack(&bytes.Buffer{}, middleware.Route{Pattern: "GET /v1/things/{id}"}, func(_ http.ResponseWriter, r *http.Request) {
		inside = trace.SpanContextFromContext(r.Context())
		info = *middleware.From(r.Context())
	})
	serve(h, get("/v1/things/7", "Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01"))
	require.Equal(t, traceID, inside.TraceID().String())
	require.Equal(t, traceID, info.TraceID)
	named := false
	for _, span := range spans.Ended() {
		named = named || span.Name() == "GET /v1/things/{id}" && span.Parent().SpanID().String() == "00f067aa0ba902b7"
	}
	require.True(t, named, "the span is named after the route and a child of the caller's")

	var data metricdata.ResourceMetrics
	require.NoError(t, metrics.Collect(context.Background(), &data))
	plain, err := json.Marshal(data)
	require.NoError(t, err)
	require.Contains(t, string(plain), "http.server.request.duration")
	require.Contains(t, string(plain), "/v1/things/{id}")
	require.NotContains(t, string(plain), "/v1/things/7")
}

func TestPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := stack(&log, middleware.Route{Pattern: "GET /x"}, func(http.ResponseWriter, *http.Request) { panic("broken") })
	rec := serve(h, get("/x"))
	require.Equal(t, 500, rec.Code)
	require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
	require.NotContains(t, rec.Body.String(), "broken")
	require.Contains(t, log.String(), "broken")
	require.Contains(t, log.String(), "middleware_test.go")
	require.Contains(t, log.String(), `"status":500`)

	begun := stack(&log, middleware.Route{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		panic("too late")
	})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve(begun, get("/")) })
	aborted := stack(&log, middleware.Route{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve(aborted, get("/")) })
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	deadline := func(route middleware.Route) (set bool) {
		h := stack(&bytes.Buffer{}, route, func(_ http.ResponseWriter, r *http.Request) { _, set = r.Context().Deadline() })
		serve(h, get("/"))
		return set
	}
	require.True(t, deadline(middleware.Route{}))
	require.False(t, deadline(middleware.Route{Long: true}))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var read error
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(_ http.ResponseWriter, r *http.Request) {
		_, read = new(bytes.Buffer).ReadFrom(r.Body)
	})
	post := func(body string, length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.ContentLength = length
		return serve(h, r)
	}
	require.Equal(t, 200, post(strings.Repeat("x", 1024), 1024).Code)
	require.NoError(t, read)
	require.Equal(t, 413, post(strings.Repeat("x", 1025), 1025).Code)
	post(strings.Repeat("x", 1025), -1)
	var tooLarge *http.MaxBytesError
	require.ErrorAs(t, read, &tooLarge)
	require.Equal(t, 431, serve(h, get("/", "X-Long", strings.Repeat("x", 9000))).Code)
	require.Equal(t, 400, serve(h, get("/", "X-Bad", "a\x00b")).Code)
	require.Equal(t, 400, serve(h, get("/?a=1&a=2")).Code)
	require.Equal(t, 400, serve(h, get("/%00")).Code)
	require.Equal(t, 200, serve(h, get("/?b=2&a=%C3%A9")).Code)
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) })
	header := serve(h, get("/")).Header()
	require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "private, no-cache", header.Get("Cache-Control"))
	require.Empty(t, header.Get("Strict-Transport-Security"))
	require.NotEmpty(t, serve(h, httptest.NewRequest("GET", "https://tansu.test/", nil)).Header().Get("Strict-Transport-Security"))
}

func TestProbesAreQuiet(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := stack(&log, middleware.Route{Pattern: "GET /livez"}, func(http.ResponseWriter, *http.Request) {})
	serve(h, get("/livez"))
	require.Contains(t, log.String(), `"level":"DEBUG"`)
}

func TestErrorsInTheLogAreBounded(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := stack(&log, middleware.Route{}, func(w http.ResponseWriter, r *http.Request) {
		middleware.From(r.Context()).Failure = errors.New("it broke: " + strings.Repeat("é", 1<<20))
		w.WriteHeader(500)
	})
	serve(h, get("/"))
	require.Contains(t, log.String(), "it broke")
	require.Less(t, log.Len(), 16<<10)
}
