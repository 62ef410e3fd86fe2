package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	reader := metric.NewManualReader()
	died, running, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	w := work(t, pool, jobs.Kind{
		Workers: 1,
		Handle: func(_ context.Context, d jobs.Delivery) error {
			if d.Key == "bad" {
				return jobs.Dead(errors.New("no such address"))
			}
			running <- struct{}{}
			<-end
			return nil
		},
		OnDead: func(context.Context, jobs.Delivery, error) { died <- struct{}{} },
	}, func(c *jobs.Config) { c.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader)) })
	tenant := uuid.New()
	enqueue(t, pool, jobs.Job{TenantID: tenant, Kind: "mail", Key: "bad"})
	w.Wake()
	<-died
	enqueue(t, pool,
		jobs.Job{TenantID: tenant, Kind: "mail", Key: "1"}, jobs.Job{TenantID: tenant, Kind: "mail", Key: "2"},
		jobs.Job{TenantID: tenant, Kind: "mail", Key: "3"}, jobs.Job{TenantID: tenant, Kind: "mail", Key: "later", RunAt: time.Now().Add(time.Hour)})
	w.Wake()
	<-running
	got := collect(t, reader)
	require.EqualValues(t, 2, got["tansu.jobs.ready"])
	require.EqualValues(t, 1, got["tansu.jobs.running"])
	require.EqualValues(t, 1, got["tansu.jobs.dead"])
	require.EqualValues(t, 1, got["tansu.jobs.attempts dead"])
	require.EqualValues(t, 2, got["tansu.jobs.wait"])
	require.EqualValues(t, 1, got["tansu.jobs.duration"])
	close(end)
	<-running
	<-running
	require.NoError(t, w.Stop(t.Context()))
	require.EqualValues(t, 3, collect(t, reader)["tansu.jobs.attempts done"])
}

// collect returns the values by name and outcome; of a histogram the count.
func collect(t *testing.T, reader *metric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	found := map[string]int64{}
	note := func(name string, set attribute.Set, value int64) {
		kind, _ := set.Value("tansu.job.kind")
		require.Equal(t, "mail", kind.AsString(), name)
		if outcome, ok := set.Value("tansu.outcome"); ok {
			name += " " + outcome.AsString()
		}
		found[name] += value
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					note(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					note(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					note(m.Name, p.Attributes, int64(p.Count))
				}
			}
		}
	}
	return found
}
