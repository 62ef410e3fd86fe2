package commands_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
)

// TestTelemetry is the one test that sets the global providers; the parallel
// ones run after it.
func TestTelemetry(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	f := newFixture(t)
	var logged bytes.Buffer
	d := f.deps()
	d.Logger = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.Commands = commands.New(d)

	ctx, parent := otel.Tracer("test").Start(t.Context(), "request")
	_, err := f.CreateTenant(ctx, request("", commands.CreateTenant{Slug: "acme", Name: "Secret Name"}))
	require.NoError(t, err)
	parent.End()
	_, err = f.RenameTenant(t.Context(), request("nobody", commands.RenameTenant{Name: "Secret Name"}))
	require.Error(t, err)
	f.store.beforeAppend = func(context.Context, eventstore.Append) error { return eventstore.ErrUnavailable }
	_, err = f.CreateTenant(t.Context(), request("", commands.CreateTenant{Slug: "beta", Name: "Beta"}))
	require.Error(t, err)

	ended := spans.Ended()
	require.Len(t, ended, 4)
	command := ended[0]
	require.Equal(t, "command CreateTenant", command.Name())
	require.Subset(t, command.Attributes(), []attribute.KeyValue{
		attribute.String("tansu.command", "CreateTenant"), attribute.String("tansu.tenant.id", uuid.Nil.String()),
	})
	require.Equal(t, parent.SpanContext().SpanID(), command.Parent().SpanID())
	require.Equal(t, codes.Unset, ended[2].Status().Code, "a refusal is no fault")
	require.Equal(t, codes.Error, ended[3].Status().Code)

	meta, err := f.events(t)[0].Meta()
	require.NoError(t, err)
	require.Equal(t, "00-"+command.SpanContext().TraceID().String()+"-"+command.SpanContext().SpanID().String()+"-01", meta.Traceparent)

	require.Equal(t, map[string]uint64{
		"CreateTenant ok": 1, "RenameTenant not_found": 1, "CreateTenant unavailable": 1,
	}, commandCounts(t, reader))

	require.Contains(t, logged.String(), "CreateTenant")
	require.NotContains(t, logged.String(), "Secret")
}

// commandCounts reads tansu.command.duration and requires that it has no
// attributes but command and outcome.
func commandCounts(t *testing.T, reader sdkmetric.Reader) map[string]uint64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	counts := map[string]uint64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "tansu.command.duration" {
				continue
			}
			require.Equal(t, "s", m.Unit)
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				require.Equal(t, 2, point.Attributes.Len())
				command, _ := point.Attributes.Value("command")
				outcome, _ := point.Attributes.Value("outcome")
				counts[command.AsString()+" "+outcome.AsString()] += point.Count
			}
		}
	}
	return counts
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	create := request("", commands.CreateTenant{Slug: "acme", Name: "Acme"})
	create.Caller = commands.Caller{
		Actor: "api_key:1", CorrelationID: "corr-1", CausationID: "cause-1", Address: "192.0.2.1", Reason: "ticket 7",
		Permissions: func(string) bool { return true },
	}
	r, err := f.CreateTenant(t.Context(), create)
	require.NoError(t, err)
	long := strings.Repeat("漢", 400)
	_, err = f.SuspendTenant(t.Context(), request(r.State.ID, commands.SuspendTenant{Reason: " " + long}))
	require.NoError(t, err)

	events := f.events(t)
	meta, err := events[0].Meta()
	require.NoError(t, err)
	id := uuid.MustParse(meta.CommandID)
	require.EqualValues(t, 7, id.Version())
	meta.CommandID, meta.Traceparent = "", ""
	require.Equal(t, eventstore.Metadata{
		Actor: "api_key:1", CorrelationID: "corr-1", CausationID: "cause-1", Address: "192.0.2.1", Reason: "ticket 7",
	}, meta)

	meta, err = events[1].Meta()
	require.NoError(t, err)
	require.Equal(t, "operator", meta.Actor)
	require.NotEqual(t, id.String(), meta.CommandID)
	require.Equal(t, meta.CommandID, meta.CorrelationID, "a command that continues nothing starts something")
	require.True(t, utf8.ValidString(meta.Reason))
	require.True(t, strings.HasPrefix(long, meta.Reason))
	require.Len(t, meta.Reason, 1023)
	require.Contains(t, string(events[1].Data), long)
}
