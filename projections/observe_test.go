package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

func TestTraceGoesFromTheAppendThroughTheRelayToTheProjection(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	e := newEnv(t, func(o *envOptions) {
		o.relay = func(c *projections.RelayConfig) { c.TracerProvider = provider }
	})
	e.start(func(c *projections.Config) {
		c.TracerProvider = provider
		c.PollInterval = time.Hour // only the message tells
	})
	ctx, command := provider.Tracer("test").Start(t.Context(), "command")
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	id := uuid.New()
	encoded, err := e.codec.Encode(ctx, id, added{1})
	require.NoError(t, err)
	_, err = e.store.Append(ctx, eventstore.Append{
		TenantID: id, Metadata: eventstore.Metadata{Traceparent: carrier["traceparent"]},
		Writes: []eventstore.StreamWrite{{Stream: eventstore.Stream{Type: "counter", ID: "a"}, Expected: eventstore.NoStream, Events: []eventstore.NewEvent{encoded}}},
	})
	require.NoError(t, err)
	command.End()

	// Nobody waits for the position: that would be a hint to read the log, and what the
	// message brings after that is a repeat without a span.
	find := func(name string) sdktrace.ReadOnlySpan {
		var found sdktrace.ReadOnlySpan
		e.eventually(func() bool {
			for _, s := range recorder.Ended() {
				if s.Name() == name {
					found = s
				}
			}
			return found != nil
		}, "there must be a span %q", name)
		return found
	}
	relay, project := find("relay events"), find("project "+countersName)
	require.Equal(t, command.SpanContext().TraceID(), project.SpanContext().TraceID())
	require.Equal(t, command.SpanContext().SpanID(), relay.Parent().SpanID())
	require.Equal(t, relay.SpanContext().SpanID(), project.Parent().SpanID())
}

func TestLagProgressAndMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	e := newEnv(t)
	r := e.start(func(c *projections.Config) { c.MeterProvider = provider })
	id := uuid.New()
	e.failOn(poison("bad", 1))
	e.append(id, "bad", added{1})
	e.append(id, "a", added{1}, noted{"x"}, noted{"y"})
	e.waitAll(r)
	e.eventually(func() bool { return e.status(r).LagEvents == 0 }, "checkpoints must follow within a poll")
	s := e.status(r)
	require.Equal(t, s.Head, s.Position)
	require.Zero(t, s.Lag)
	e.eventually(func() bool { return e.status(r).Parked == 1 }, "the stream must be parked")

	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &data))
	values := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				values[m.Name] = d.DataPoints[0].Value
			case metricdata.Sum[int64]:
				values[m.Name] = d.DataPoints[0].Value
			}
		}
	}
	require.GreaterOrEqual(t, values["tansu.projection.events"], int64(4))
	require.Equal(t, int64(1), values["tansu.projection.parked_streams"])
	require.Zero(t, values["tansu.projection.lag.events"])
	require.Contains(t, values, "tansu.projection.gaps")
	require.Zero(t, values["tansu.projection.gaps"])

	e.do(projection.Pause{})
	e.eventually(func() bool { return e.status(r).State == projections.StatePaused }, "it must pause")
	e.append(id, "a", added{1}, added{1})
	s = e.status(r)
	require.GreaterOrEqual(t, s.LagEvents, int64(2))
	require.Positive(t, s.Lag)
}

func TestWaitForEventsThatTheProjectionDoesNotHandle(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	position := e.append(id, "a", noted{"x"})
	e.wait(r, id, position)
	require.Empty(t, e.rows())
	e.eventually(func() bool {
		var stored int64
		err := e.pool.QueryRow(t.Context(), `SELECT position FROM checkpoints WHERE tenant_id = $1`, id).Scan(&stored)
		return err == nil && stored == position
	}, "the idle checkpoint must be written")
}

func TestWaitBeyondTheEndOfTheLogTimesOut(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	position := e.append(id, "a", added{1})
	expired, cancel := contextFor(t, 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Wait(expired, countersName, id, position+1), expired.Err())
	require.ErrorIs(t, r.Wait(t.Context(), "nobody", id, 1), projections.ErrUnknownProjection)
	require.NoError(t, r.Wait(t.Context(), countersName, id, 0))
	e.wait(r, id, e.append(id, "a", added{1}))
}

func TestConfigReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := projections.NewRunner(projections.Config{Tries: -1, Projections: []projections.Projection{{Name: "Bad Name"}}})
	for _, problem := range []string{"NodeID", "Pool", "Log", "Decoder", "Control", "Bus", "Tries", "Version", "Types", "Apply", `Name must match`} {
		require.ErrorContains(t, err, problem)
	}
}
