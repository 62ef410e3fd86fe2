// Package telemetry gives a process its eyes: structured logs that carry trace,
// request and tenant ids, OpenTelemetry traces, and metrics for Prometheus. It
// stands beside the flow: cmd/tansu starts it first and stops it last, and every
// other package speaks only to log/slog and to the OpenTelemetry API.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// flushTimeout bounds Stop: an unreachable collector must not hold up a
// shutdown.
const flushTimeout = 5 * time.Second

// Config says what is recorded and where it goes. Service is required.
type Config struct {
	Service string // service.name
	Version string // service.version
	NodeID  string // service.instance.id; the host name if empty

	LogLevel  string    // debug, info (default), warn or error
	LogFormat string    // text (default) or json
	LogOutput io.Writer // standard error if nil

	// OTLPEndpoint is the base URL of an OTLP/HTTP collector, such as
	// http://127.0.0.1:4318. Without it traces are exported only if
	// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set.
	OTLPEndpoint string
	// SampleRatio is the share of the traces starting here that is recorded,
	// above 0 and up to 1; 0 stands for 1. Traces that arrive from elsewhere keep
	// their caller's decision. OTEL_TRACES_SAMPLER takes precedence.
	SampleRatio float64
}

// Telemetry is what Start set up, until Stop.
type Telemetry struct {
	logger   *slog.Logger
	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider
	meters   *sdkmetric.MeterProvider
}

// Start builds the logger and the providers of traces and metrics, and makes
// them the process's OpenTelemetry globals. All errors of the configuration are
// reported at once.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	res, err := newResource(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{logger: newLogger(cfg), registry: newRegistry()}
	if t.traces, err = newTracerProvider(ctx, cfg, res); err != nil {
		return nil, err
	}
	if t.meters, err = newMeterProvider(t.registry, res); err != nil {
		return nil, errors.Join(err, t.traces.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		t.logger.Warn("telemetry could not be recorded or exported", "error", err)
	}))
	otel.SetTracerProvider(t.traces)
	otel.SetMeterProvider(t.meters)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	return t, nil
}

// Logger returns the process's logger.
func (t *Telemetry) Logger() *slog.Logger { return t.logger }

// Handler serves /metrics.
func (t *Telemetry) Handler() http.Handler { return metricsHandler(t.registry, t.logger) }

// Stop exports what is still buffered, for at most five seconds.
func (t *Telemetry) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return errors.Join(t.traces.Shutdown(ctx), t.meters.Shutdown(ctx))
}

func (c Config) check() error {
	var errs []error
	if c.Service == "" {
		errs = append(errs, errors.New("telemetry: service is empty; give the name of the service"))
	}
	if _, err := parseLevel(c.LogLevel); err != nil {
		errs = append(errs, err)
	}
	if c.LogFormat != "" && c.LogFormat != "text" && c.LogFormat != "json" {
		errs = append(errs, fmt.Errorf("telemetry: log format %q is unknown; use text or json", c.LogFormat))
	}
	if c.OTLPEndpoint != "" {
		if _, err := tracesURL(c.OTLPEndpoint); err != nil {
			errs = append(errs, err)
		}
	}
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		errs = append(errs, fmt.Errorf("telemetry: sample ratio %v is out of range; use a number from 0 to 1", c.SampleRatio))
	}
	return errors.Join(errs...)
}

func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	node := cfg.NodeID
	if node == "" {
		var err error
		if node, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("telemetry: no node id given and no host name: %w", err)
		}
	}
	attrs := []attribute.KeyValue{semconv.ServiceName(cfg.Service), semconv.ServiceInstanceID(node)}
	if cfg.Version != "" {
		attrs = append(attrs, semconv.ServiceVersion(cfg.Version))
	}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attrs...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return res, nil
}
