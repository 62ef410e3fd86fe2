// Package commands holds the use cases: everything that changes the state of the
// platform passes through one of the handlers in [Commands]. The API and the
// projection runner send commands; a handler checks the permission, answers a
// repeated idempotency key from the log, loads the aggregate, lets its domain
// package decide, and appends the events. [History] looks back at any state
// that an aggregate ever had.
package commands

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/space"
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
	ChangeTenantQuotas   Handler[ChangeTenantQuotas, tenant.State]
	ResumeProvisioning   Handler[ResumeProvisioning, tenant.State]

	// What the provisioning of tenants reports of them.
	CompleteProvisioningStep Handler[CompleteProvisioningStep, tenant.State]
	FailProvisioning         Handler[FailProvisioning, tenant.State]

	// On the space of a tenant, in its log; the stream has one id for all.
	OpenSpace     Handler[OpenSpace, space.State]
	ChangeOrigins Handler[ChangeOrigins, space.State]

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

	// On users, in the system tenant's log; the stream is the user's id.
	RegisterUser Handler[RegisterUser, user.State]
	VerifyEmail  Handler[VerifyEmail, user.State]
	RenameUser   Handler[RenameUser, user.State]
	SetPassword  Handler[SetPassword, user.State]
	DisableUser  Handler[DisableUser, user.State]
	EnableUser   Handler[EnableUser, user.State]
	EraseUser    Handler[EraseUser, user.State]

	// What users sign in with besides the password.
	EnableTOTP        Handler[EnableTOTP, user.State]
	DisableTOTP       Handler[DisableTOTP, user.State]
	MakeRecoveryCodes Handler[MakeRecoveryCodes, user.State]
	AddPasskey        Handler[AddPasskey, user.State]
	RenamePasskey     Handler[RenamePasskey, user.State]
	RemovePasskey     Handler[RemovePasskey, user.State]
	ResetMFA          Handler[ResetMFA, user.State]

	// Who users are at tenants' own identity providers.
	LinkIdentity   Handler[LinkIdentity, user.State]
	UnlinkIdentity Handler[UnlinkIdentity, user.State]

	// On sessions, in the system tenant's log; the stream is the session's id.
	StartSession Handler[StartSession, session.State]
	EndSession   Handler[EndSession, session.State]

	// On members, in any tenant's log; the stream is the user's id.
	AddMember         Handler[AddMember, member.State]
	ChangeMemberRoles Handler[ChangeMemberRoles, member.State]
	RemoveMember      Handler[RemoveMember, member.State]
	MapMemberRoles    Handler[MapMemberRoles, member.State]
	// What follows from the removal of an identity provider.
	UnmapMemberRoles Handler[UnmapMemberRoles, member.State]
	// What follows from a user's erasure, in each tenant.
	RemoveErasedMember Handler[RemoveErasedMember, member.State]

	// On a tenant's own roles, in its log; the stream is the role's name.
	CreateRole Handler[CreateRole, role.State]
	ChangeRole Handler[ChangeRole, role.State]
	DeleteRole Handler[DeleteRole, role.State]

	// On invites, in any tenant's log; the stream is the invite's id.
	CreateInvite Handler[CreateInvite, invite.State]
	ResendInvite Handler[ResendInvite, invite.State]
	RevokeInvite Handler[RevokeInvite, invite.State]
	AcceptInvite Handler[AcceptInvite, invite.State]

	// On API keys, in any tenant's log; the stream is the key's id.
	CreateAPIKey Handler[CreateAPIKey, apikey.State]
	RenameAPIKey Handler[RenameAPIKey, apikey.State]
	RevokeAPIKey Handler[RevokeAPIKey, apikey.State]

	// On service accounts, in any tenant's log; the stream is the account's id.
	CreateServiceAccount       Handler[CreateServiceAccount, serviceaccount.State]
	ChangeServiceAccount       Handler[ChangeServiceAccount, serviceaccount.State]
	RotateServiceAccountSecret Handler[RotateServiceAccountSecret, serviceaccount.State]
	DisableServiceAccount      Handler[DisableServiceAccount, serviceaccount.State]
	EnableServiceAccount       Handler[EnableServiceAccount, serviceaccount.State]
	DeleteServiceAccount       Handler[DeleteServiceAccount, serviceaccount.State]

	// On a tenant's identity providers, in its log; the stream is the provider's id.
	AddIdentityProvider          Handler[AddIdentityProvider, provider.State]
	ChangeIdentityProvider       Handler[ChangeIdentityProvider, provider.State]
	ChangeIdentityProviderSecret Handler[ChangeIdentityProviderSecret, provider.State]
	EnableIdentityProvider       Handler[EnableIdentityProvider, provider.State]
	DisableIdentityProvider      Handler[DisableIdentityProvider, provider.State]
	RemoveIdentityProvider       Handler[RemoveIdentityProvider, provider.State]
	AddProviderDomain            Handler[AddProviderDomain, provider.State]
	VerifyProviderDomain         Handler[VerifyProviderDomain, provider.State]
	RemoveProviderDomain         Handler[RemoveProviderDomain, provider.State]

	// On e-mail domains, in the system tenant's log; the stream is the domain.
	HoldMailDomain    Handler[HoldMailDomain, maildomain.State]
	ReleaseMailDomain Handler[ReleaseMailDomain, maildomain.State]

	// On OAuth clients, in the system tenant's log; the stream is the client's id.
	RegisterClient     Handler[RegisterClient, client.State]
	ChangeClient       Handler[ChangeClient, client.State]
	RotateClientSecret Handler[RotateClientSecret, client.State]
	DisableClient      Handler[DisableClient, client.State]
	EnableClient       Handler[EnableClient, client.State]
	DeleteClient       Handler[DeleteClient, client.State]
}

// Deps is what the handlers need. Store, Snapshots, Codec and EmailIndex must be
// given.
type Deps struct {
	Store     eventstore.Store
	Snapshots eventstore.Snapshots
	Codec     *eventstore.Codec // of Registry()
	Sagas     []string          // names of the projections that are sagas
	Now       func() time.Time  // nil: time.Now
	NewID     func() uuid.UUID  // of aggregates and commands; nil: UUIDv7
	Logger    *slog.Logger      // nil: slog.Default
	// EmailIndex hashes a normalised e-mail address with a key that the log does
	// not hold: what is unique about users, and what invites are matched by.
	EmailIndex func(normalised string) string
	// Usage counts what a tenant has of what a quota bounds; nil: members and
	// invites are not bounded.
	Usage func(ctx context.Context, tenant uuid.UUID, quota string) (int64, error)
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
		ChangeTenantQuotas:   changeTenantQuotas(p),
		ResumeProvisioning:   resumeProvisioning(p),

		CompleteProvisioningStep: completeProvisioningStep(p),
		FailProvisioning:         failProvisioning(p),

		OpenSpace:     openSpace(p),
		ChangeOrigins: changeOrigins(p),

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

		RegisterUser: registerUser(p),
		VerifyEmail:  verifyEmail(p),
		RenameUser:   renameUser(p),
		SetPassword:  setPassword(p),
		DisableUser:  disableUser(p),
		EnableUser:   enableUser(p),
		EraseUser:    eraseUser(p),

		EnableTOTP:        enableTOTP(p),
		DisableTOTP:       disableTOTP(p),
		MakeRecoveryCodes: makeRecoveryCodes(p),
		AddPasskey:        addPasskey(p),
		RenamePasskey:     renamePasskey(p),
		RemovePasskey:     removePasskey(p),
		ResetMFA:          resetMFA(p),

		LinkIdentity:   linkIdentity(p),
		UnlinkIdentity: unlinkIdentity(p),

		StartSession: startSession(p),
		EndSession:   endSession(p),

		AddMember:         addMember(p),
		ChangeMemberRoles: changeMemberRoles(p),
		RemoveMember:      removeMember(p),
		MapMemberRoles:    mapMemberRoles(p),
		UnmapMemberRoles:  unmapMemberRoles(p),

		RemoveErasedMember: removeErasedMember(p),

		CreateRole: createRole(p),
		ChangeRole: changeRole(p),
		DeleteRole: deleteRole(p),

		CreateInvite: createInvite(p),
		ResendInvite: resendInvite(p),
		RevokeInvite: revokeInvite(p),
		AcceptInvite: acceptInvite(p),

		CreateAPIKey: createAPIKey(p),
		RenameAPIKey: renameAPIKey(p),
		RevokeAPIKey: revokeAPIKey(p),

		CreateServiceAccount:       createServiceAccount(p),
		ChangeServiceAccount:       changeServiceAccount(p),
		RotateServiceAccountSecret: rotateServiceAccountSecret(p),
		DisableServiceAccount:      disableServiceAccount(p),
		EnableServiceAccount:       enableServiceAccount(p),
		DeleteServiceAccount:       deleteServiceAccount(p),

		AddIdentityProvider:          addIdentityProvider(p),
		ChangeIdentityProvider:       changeIdentityProvider(p),
		ChangeIdentityProviderSecret: changeIdentityProviderSecret(p),
		EnableIdentityProvider:       enableIdentityProvider(p),
		DisableIdentityProvider:      disableIdentityProvider(p),
		RemoveIdentityProvider:       removeIdentityProvider(p),
		AddProviderDomain:            addProviderDomain(p),
		VerifyProviderDomain:         verifyProviderDomain(p),
		RemoveProviderDomain:         removeProviderDomain(p),

		HoldMailDomain:    holdMailDomain(p),
		ReleaseMailDomain: releaseMailDomain(p),

		RegisterClient:     registerClient(p),
		ChangeClient:       changeClient(p),
		RotateClientSecret: rotateClientSecret(p),
		DisableClient:      disableClient(p),
		EnableClient:       enableClient(p),
		DeleteClient:       deleteClient(p),
	}
}
