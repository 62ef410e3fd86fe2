package ws_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/api/ws"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := sdk.NewManualReader()
	e := newEnv(t, func(d *ws.Deps) { d.MeterProvider = sdk.NewMeterProvider(sdk.WithReader(reader)) })
	values := func() map[string]int64 {
		var found metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(context.Background(), &found))
		all := map[string]int64{}
		for _, scope := range found.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
					code, _ := point.Attributes.Value("code")
					all[m.Name+code.AsString()] = point.Value
				}
			}
		}
		return all
	}
	e.commit(acme, "1", 5, 0)
	c := e.connect("good")
	c.subscribe("a", `{"after":0}`)
	c.until(5)
	var now map[string]int64
	require.Eventually(t, func() bool { // a frame is counted once it was written, when the client may have it already
		now = values()
		return now["tansu.ws.frames"] == 3
	}, timeout, time.Millisecond)
	bytes := now["tansu.ws.bytes"]
	require.Positive(t, bytes)
	delete(now, "tansu.ws.bytes")
	require.Equal(t, map[string]int64{
		"tansu.ws.connections": 1, "tansu.ws.subscriptions": 1, "tansu.ws.deliveries": 5, "tansu.ws.frames": 3,
		"tansu.ws.queue.bytes": 0, "tansu.ws.dropped": 0, "tansu.ws.lagged": 0,
	}, now)
	c.say(`nonsense`)
	c.ends(ws.CloseBadFrame)
	require.Eventually(t, func() bool {
		now = values()
		return now["tansu.ws.closed4400"] == 1 && now["tansu.ws.connections"]+now["tansu.ws.subscriptions"] == 0
	}, timeout, time.Millisecond)
}
