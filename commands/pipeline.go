package commands

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"tansu.cloud/eventstore"
)

// pipeline is what all handlers share.
type pipeline struct {
	store     eventstore.Store
	snapshots eventstore.Snapshots
	codec     *eventstore.Codec
	sagas     []string
	email     func(normalised string) string // keyed hash
	usage     func(ctx context.Context, tenant uuid.UUID, quota string) (int64, error)
	now       func() time.Time
	newID     func() uuid.UUID
	log       *slog.Logger
	inFlight  *keySet
	metKeys   *lru.Cache[tenantKey, struct{}]
	recalled  recalled
	telemetry telemetry
}

func newPipeline(d Deps) *pipeline {
	p := &pipeline{
		store: d.Store, snapshots: d.Snapshots, codec: d.Codec, sagas: d.Sagas, email: d.EmailIndex, usage: d.Usage,
		now: d.Now, newID: d.NewID, log: d.Logger,
		inFlight: newKeySet(), metKeys: newMetKeys(), recalled: newRecalled(), telemetry: newTelemetry(),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.newID == nil {
		p.newID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	return p
}
