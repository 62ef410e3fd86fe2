package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxSpanValue bounds every attribute of a span, SQL text above all.
const maxSpanValue = 2048

// newTracerProvider returns a provider that exports to an OTLP/HTTP collector
// if there is one. Without one it records nothing, but still hands out trace
// ids, which logs, problem details and event metadata carry.
func newTracerProvider(ctx context.Context, cfg Config, res *resource.Resource) (*sdktrace.TracerProvider, error) {
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxSpanValue
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithRawSpanLimits(limits)}

	exporterOpts, export, err := exporterOptions(cfg)
	if err != nil {
		return nil, err
	}
	if !export {
		opts = append(opts, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
		return sdktrace.NewTracerProvider(opts...), nil
	}
	exporter, err := otlptracehttp.New(ctx, exporterOpts...)
	if err != nil {
		return nil, fmt.Errorf("telemetry: OTLP exporter: %w", err)
	}
	opts = append(opts, sdktrace.WithBatcher(exporter))
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		root := sdktrace.AlwaysSample()
		if cfg.SampleRatio > 0 {
			root = sdktrace.TraceIDRatioBased(cfg.SampleRatio)
		}
		opts = append(opts, sdktrace.WithSampler(sdktrace.ParentBased(root)))
	}
	return sdktrace.NewTracerProvider(opts...), nil
}

// exporterOptions says whether to export, and where to unless the exporter is
// to read that from the environment.
func exporterOptions(cfg Config) (opts []otlptracehttp.Option, export bool, err error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, false, nil
	}
	if cfg.OTLPEndpoint != "" {
		u, err := tracesURL(cfg.OTLPEndpoint)
		return []otlptracehttp.Option{otlptracehttp.WithEndpointURL(u)}, true, err
	}
	asked := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	return nil, asked, nil
}

// tracesURL turns a collector's base URL into that of its traces.
func tracesURL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("telemetry: OTLP endpoint is not an http or https URL; use one like http://127.0.0.1:4318")
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1", "traces")
	}
	return u.String(), nil
}
