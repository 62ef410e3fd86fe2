package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

func newLogger(cfg Config) *slog.Logger {
	level, _ := parseLevel(cfg.LogLevel) // checked by Config.check
	opts := &slog.HandlerOptions{Level: level}
	out := cfg.LogOutput
	if out == nil {
		out = os.Stderr
	}
	var next slog.Handler = slog.NewTextHandler(out, opts)
	if cfg.LogFormat == "json" {
		next = slog.NewJSONHandler(out, opts)
	}
	return slog.New(&logHandler{next: next})
}

func parseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "", "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("telemetry: log level %q is unknown; use debug, info, warn or error", s)
}

// logHandler adds the context's trace to each line, and cleans what callers put
// into it. It keeps open groups itself, so that the ids it adds
// stand at the top level of the line and not inside the caller's group.
type logHandler struct {
	next   slog.Handler
	groups []logGroup
}

type logGroup struct {
	name  string
	attrs []slog.Attr
}

func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	budget := lineBudget
	clean := budget.clean(attrs)
	if len(h.groups) == 0 {
		return &logHandler{next: h.next.WithAttrs(clean)}
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = append(slices.Clip(last.attrs), clean...)
	return &logHandler{h.next, groups}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.next, append(slices.Clip(h.groups), logGroup{name: name})}
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, r.Level, cleanText(r.Message), r.PC)
	budget := lineBudget
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	named := false // the line says itself which trace it belongs to
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		named = named || (a.Key == "trace_id" && len(h.groups) == 0)
		return true
	})
	if span := trace.SpanContextFromContext(ctx); span.IsValid() && !named {
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	attrs = budget.clean(attrs)
	for _, g := range slices.Backward(h.groups) {
		attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(append(slices.Clip(g.attrs), attrs...)...)}}
	}
	line.AddAttrs(attrs...)
	return h.next.Handle(ctx, line)
}
