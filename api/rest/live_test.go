package rest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/api/ws"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/presence"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// live is what feeds and sockets need, on the log of a rig.
type live struct {
	t       testing.TB
	bus     *bus.InProcess
	relay   *projections.Relay
	hub     *feeds.Hub
	sockets *ws.Server
}

func newLive(t testing.TB) *live {
	t.Helper()
	l := &live{t: t, bus: bus.NewInProcess(slog.New(slog.DiscardHandler))}
	var err error
	l.relay, err = projections.NewRelay(projections.RelayConfig{Publisher: l.bus})
	require.NoError(t, err)
	require.NoError(t, l.relay.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, l.relay.Stop(context.Background())) })
	return l
}

func (l *live) start(d *rest.Deps) {
	l.t.Helper()
	tails := d.Log
	if n, ok := tails.(nodeLog); ok {
		tails = n.tails
	}
	var err error
	l.hub, err = feeds.NewHub(feeds.Config{
		Subscriber: l.bus.Fanout(), Log: tails, Walled: d.Log, PollInterval: 100 * time.Millisecond,
		HeadsOf: func(ctx context.Context, tenants []uuid.UUID) (heads []eventstore.Head, err error) {
			for _, id := range tenants {
				head, err := tails.Head(ctx, id)
				if err != nil {
					return nil, err
				}
				heads = append(heads, head)
			}
			return heads, nil
		},
		Snapshots: map[string]feeds.Snapshot{"tenants": snapshotOf(d.Tenants)},
	})
	require.NoError(l.t, err)
	l.sockets, err = ws.New(ws.Deps{
		Hub: l.hub, Authenticate: rest.AuthenticateSockets(d.Access), Channels: presence.NewLocal(), Limits: limits.NewLocal(), Logger: d.Logger,
		Origins: d.Bounds,
		Quota: func(ctx context.Context, id uuid.UUID) (int, bool, error) {
			return d.Bounds.Quota(ctx, id, tenant.QuotaSockets)
		},
		Tenant: func(ctx context.Context, idOrSlug string) (uuid.UUID, error) {
			return rest.OpenTenant(ctx, d.Tenants, idOrSlug)
		},
	})
	require.NoError(l.t, err)
	require.NoError(l.t, l.hub.Start(context.Background()))
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(l.t, l.sockets.Drain(ctx))
		require.NoError(l.t, l.hub.Stop(ctx))
	})
	d.Feeds, d.Sockets = l.sockets, l.sockets
}

// snapshotOf is the list of tenants, at the position 0 of whatever log, which is
// good enough for the form of the stream.
func snapshotOf(tenants rest.Tenants) feeds.Snapshot {
	return func(ctx context.Context, _ uuid.UUID, limit int) (rows []json.RawMessage, position int64, err error) {
		list, _, err := tenants.List(ctx, tenantdirectory.ListQuery{Limit: limit})
		for _, t := range list {
			row, err := json.Marshal(t)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows, row)
		}
		return rows, 0, err
	}
}
