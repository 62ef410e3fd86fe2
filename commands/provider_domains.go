package commands

import (
	"time"

	"tansu.cloud/domain/identity/provider"
)

// AddProviderDomain names an e-mail domain that is to lead to an identity provider
// once the token is found in it.
type AddProviderDomain struct{ Domain, Token string }

func addProviderDomain(p *pipeline) Handler[AddProviderDomain, provider.State] {
	return handle(p, providerUseCase[AddProviderDomain]{
		name:       "AddProviderDomain",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		command: func(r Request[AddProviderDomain], now time.Time) provider.Command {
			return provider.AddDomain{Domain: r.Command.Domain, Token: r.Command.Token, At: now}
		},
	})
}

// VerifyProviderDomain notes that the domain is the tenant's. The caller has found
// the token, and holds the domain in the system tenant's log.
type VerifyProviderDomain struct{ Domain string }

func verifyProviderDomain(p *pipeline) Handler[VerifyProviderDomain, provider.State] {
	return handle(p, providerUseCase[VerifyProviderDomain]{
		name:       "VerifyProviderDomain",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		command: func(r Request[VerifyProviderDomain], now time.Time) provider.Command {
			return provider.VerifyDomain{Domain: r.Command.Domain, At: now}
		},
	})
}

// RemoveProviderDomain takes a domain away, which the caller has released in the
// system tenant's log before.
type RemoveProviderDomain struct{ Domain string }

func removeProviderDomain(p *pipeline) Handler[RemoveProviderDomain, provider.State] {
	return handle(p, providerUseCase[RemoveProviderDomain]{
		name:       "RemoveProviderDomain",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		command: func(r Request[RemoveProviderDomain], now time.Time) provider.Command {
			return provider.RemoveDomain{Domain: r.Command.Domain, At: now}
		},
	})
}
