// Package commands holds the use cases: everything that changes the state of the
// platform passes through one of the handlers in [Commands]. The API and the
// projection runner send commands; a handler checks the permission, answers a
// repeated idempotency key from the log, loads the aggregate, lets its domain
// package decide, and appends the events. [History] looks back at any state
// that an aggregate ever had.
package commands

import (
	"log/slog"
	"time"

	"github.com/google/uuid"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// Commands lists every use case.
type Commands struct {
	// On tenants, in the system tenant's log; the stream is the tenant's id.
	CreateTenant         Handler[CreateTenant, tenant.State]
	RenameTenant         Handler[RenameTenant, tenant.State]
	ChangeTenantSettings Handler[ChangeTenantSettings, tenant.State]
	SuspendTenant        Handler[SuspendTenant, tenant.State]
	ReactivateTenant     Handler[ReactivateTenant, tenant.State]
	ArchiveTenant        Handler[ArchiveTenant, tenant.State]

	// On projections, in the system tenant's log; the stream is the
	// projection's name.
	StartRebuild      Handler[StartRebuild, projection.State]
	CancelRebuild     Handler[CancelRebuild, projection.State]
	PauseProjection   Handler[PauseProjection, projection.State]
	ResumeProjection  Handler[ResumeProjection, projection.State]
	RedriveDeadLetter Handler[RedriveDeadLetter, projection.State]
	DiscardDeadLetter Handler[DiscardDeadLetter, projection.State]

	// What the projection runner reports of them.
	SwitchProjection Handler[SwitchProjection, projection.State]
	ParkStream       Handler[ParkStream, projection.State]
	ResolveStream    Handler[ResolveStream, projection.State]

	// On data subjects, in any tenant's log; the stream is the subject's id.
	EraseSubject Handler[EraseSubject, subject.State]

	// On jobs, in any tenant's log; the stream is the job's id.
	RedriveJob Handler[RedriveJob, job.State]
	DiscardJob Handler[DiscardJob, job.State]

	// On webhooks, in any tenant's log; the stream is the webhook's id.
	RegisterWebhook     Handler[RegisterWebhook, webhook.State]
	ChangeWebhook       Handler[ChangeWebhook, webhook.State]
	EnableWebhook       Handler[EnableWebhook, webhook.State]
	DisableWebhook      Handler[DisableWebhook, webhook.State]
	RotateWebhookSecret Handler[RotateWebhookSecret, webhook.State]
	DeleteWebhook       Handler[DeleteWebhook, webhook.State]
	RedriveWebhook      Handler[RedriveWebhook, webhook.State]
	ReplayWebhook       Handler[ReplayWebhook, webhook.State]
}

// Deps is what the handlers need. Store, Snapshots and Codec must be given.
type Deps struct {
	Store     eventstore.Store
	Snapshots eventstore.Snapshots
	Codec     *eventstore.Codec // of Registry()
	Sagas     []string          // names of the projections that are sagas
	Now       func() time.Time  // nil: time.Now
	NewID     func() uuid.UUID  // of aggregates and commands; nil: UUIDv7
	Logger    *slog.Logger      // nil: slog.Default
}

// New returns the handlers.
func New(d Deps) *Commands {
	p := newPipeline(d)
	return &Commands{
		CreateTenant:         createTenant(p),
		RenameTenant:         renameTenant(p),
		ChangeTenantSettings: changeTenantSettings(p),
		SuspendTenant:        suspendTenant(p),
		ReactivateTenant:     reactivateTenant(p),
		ArchiveTenant:        archiveTenant(p),

		StartRebuild:      startRebuild(p),
		CancelRebuild:     cancelRebuild(p),
		PauseProjection:   pauseProjection(p),
		ResumeProjection:  resumeProjection(p),
		RedriveDeadLetter: redriveDeadLetter(p),
		DiscardDeadLetter: discardDeadLetter(p),

		SwitchProjection: switchProjection(p),
		ParkStream:       parkStream(p),
		ResolveStream:    resolveStream(p),

		EraseSubject: eraseSubject(p),

		RedriveJob: redriveJob(p),
		DiscardJob: discardJob(p),

		RegisterWebhook:     registerWebhook(p),
		ChangeWebhook:       changeWebhook(p),
		EnableWebhook:       enableWebhook(p),
		DisableWebhook:      disableWebhook(p),
		RotateWebhookSecret: rotateWebhookSecret(p),
		DeleteWebhook:       deleteWebhook(p),
		RedriveWebhook:      redriveWebhook(p),
		ReplayWebhook:       replayWebhook(p),
	}
}
