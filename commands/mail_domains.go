package commands

import (
	"time"

	"tansu.cloud/domain/identity/maildomain"
)

// PermissionHoldMailDomains is needed to hold and release e-mail domains. Nobody
// can be granted it: whoever changes the domains of a tenant's provider has it for
// the domains of that tenant.
const PermissionHoldMailDomains = "mail_domains.hold"

var mailDomains = aggregate[maildomain.State, maildomain.Command, maildomain.Event]{
	streamType:   maildomain.StreamType,
	stateVersion: maildomain.StateVersion,
	systemOnly:   true,
	decide:       maildomain.Decide,
	apply:        maildomain.Apply,
}

type mailDomainUseCase[In any] = useCase[In, maildomain.State, maildomain.Command, maildomain.Event]

// HoldMailDomain takes an e-mail domain for a provider of a tenant, in whose name
// servers its token was just found. No other tenant may hold it.
type HoldMailDomain struct{ TenantID, ProviderID string }

func holdMailDomain(p *pipeline) Handler[HoldMailDomain, maildomain.State] {
	return handle(p, mailDomainUseCase[HoldMailDomain]{
		name:       "HoldMailDomain",
		permission: PermissionHoldMailDomains,
		aggregate:  mailDomains,
		command: func(r Request[HoldMailDomain], now time.Time) maildomain.Command {
			return maildomain.Hold{Domain: r.Stream, TenantID: r.Command.TenantID, ProviderID: r.Command.ProviderID, At: now}
		},
	})
}

// ReleaseMailDomain frees an e-mail domain that a provider of a tenant holds.
type ReleaseMailDomain struct{ TenantID, ProviderID string }

func releaseMailDomain(p *pipeline) Handler[ReleaseMailDomain, maildomain.State] {
	return handle(p, mailDomainUseCase[ReleaseMailDomain]{
		name:       "ReleaseMailDomain",
		permission: PermissionHoldMailDomains,
		aggregate:  mailDomains,
		command: func(r Request[ReleaseMailDomain], now time.Time) maildomain.Command {
			return maildomain.Release{TenantID: r.Command.TenantID, ProviderID: r.Command.ProviderID, At: now}
		},
	})
}
