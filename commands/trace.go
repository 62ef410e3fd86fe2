package commands

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	oteltrace "go.opentelemetry.io/otel/trace"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// telemetry is what all commands report to, by the global providers.
type telemetry struct {
	tracer   oteltrace.Tracer
	duration metric.Float64Histogram
}

func newTelemetry() telemetry {
	const scope = "tansu.cloud/commands"
	duration, err := otel.Meter(scope).Float64Histogram("tansu.command.duration",
		metric.WithUnit("s"),
		metric.WithDescription("Time from a command's arrival to its durable answer."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		otel.Handle(err)
	}
	return telemetry{otel.Tracer(scope), duration}
}

// trace runs a command in a span and reports its duration and outcome. It logs
// names and ids, never contents.
func trace[C, S any](p *pipeline, name string, next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		start := time.Now()
		ctx, span := p.telemetry.tracer.Start(ctx, "command "+name, oteltrace.WithAttributes(
			attribute.String("tansu.command", name),
			attribute.String("tansu.tenant.id", r.Tenant.String())))
		defer span.End()

		result, err := next(ctx, r)

		how, fault := outcome(result.Replayed, err)
		span.SetAttributes(attribute.String("tansu.outcome", how))
		if fault {
			span.RecordError(err)
			span.SetStatus(codes.Error, how)
		}
		elapsed := time.Since(start)
		p.telemetry.duration.Record(ctx, elapsed.Seconds(), metric.WithAttributes(
			attribute.String("command", name), attribute.String("outcome", how)))
		p.log.DebugContext(ctx, "command", "command", name, "tenant_id", r.Tenant, "stream_id", r.Stream,
			"outcome", how, "version", result.Version, "position", result.Position, "duration", elapsed)
		return result, err
	}
}

// outcome names how a command ended, in few words because they are metric
// labels, and tells faults from refusals.
func outcome(replayed bool, err error) (name string, fault bool) {
	var (
		refusal  *domain.Error
		conflict *eventstore.VersionConflict
		limit    *eventstore.LimitError
		mismatch *IdempotencyMismatch
		inFlight *InFlight
	)
	switch {
	case err == nil && replayed:
		return "replayed", false
	case err == nil:
		return "ok", false
	case errors.As(err, &refusal):
		return string(refusal.Kind), false
	case errors.As(err, &conflict):
		return "conflict", false
	case errors.As(err, &limit), errors.As(err, &mismatch):
		return "invalid", false
	case errors.As(err, &inFlight):
		return "in_flight", false
	case errors.Is(err, context.Canceled):
		return "cancelled", false
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", true
	case errors.Is(err, eventstore.ErrUnavailable):
		return "unavailable", true
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return "unknown", true
	}
	return "fault", true
}
