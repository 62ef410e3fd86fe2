package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
)

// How a domain shows whose it is.
const (
	challengePrefix = "_tansu-challenge."
	challengeValue  = "tansu-verify="
	challengeTime   = 5 * time.Second
)

// AddDomainBody names a domain.
type AddDomainBody struct {
	Domain string `json:"domain" maxLength:"253" doc:"An e-mail domain of the tenant's own." example:"example.com"`
}

// DomainPath names a domain of an identity provider.
type DomainPath struct {
	IDPath
	Domain string `path:"domain" maxLength:"253" doc:"The domain." example:"example.com"`
}

var errNotVerified = domain.Conflict("identity_provider.domain_not_verified",
	"the TXT record was not found; set it as the provider's domains say, wait until name servers know it, and try again")

func (s *server) identityDomainRoutes() {
	register(s, manageProvider("add-identity-provider-domain", http.MethodPost, "/domains", "Add an e-mail domain",
		"Names a domain whose people are to be led to the provider. It counts once it was verified by the TXT record that the answer tells. A provider has at most 20 domains."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body AddDomainBody
		}) (*changed[IdentityProvider], error) {
			return sendToProvider(ctx, s, s.Commands.AddProviderDomain, in.IDPath, in.ChangeHeaders,
				commands.AddProviderDomain{Domain: in.Body.Domain, Token: strings.ReplaceAll(uuid.NewString(), "-", "")})
		})
	verify := manageProvider("verify-identity-provider-domain", http.MethodPost, "/domains/{domain}/verify", "Verify an e-mail domain",
		"Looks for the TXT record, and leads the people of the domain to the provider from then on. Only one tenant can hold a domain. Providers and domains of a tenant can be looked up ten times in a minute.")
	verify.also = map[int]string{http.StatusTooManyRequests: "Too many look-ups; `Retry-After` says when the next one is possible."}
	register(s, verify, s.verifyDomain)
	register(s, manageProvider("remove-identity-provider-domain", http.MethodDelete, "/domains/{domain}", "Remove an e-mail domain",
		"Its people are led nowhere any more, and another tenant can have the domain."), s.removeDomain)
}

// verifyDomain holds the domain in the system tenant's log first, where only one
// tenant can, and notes that in the tenant's own then. If it is interrupted between
// the two, it can be repeated.
func (s *server) verifyDomain(ctx context.Context, in *struct {
	DomainPath
	ChangeHeaders
}) (*changed[IdentityProvider], error) {
	tenant := callOf(ctx).tenant
	id, d, err := s.domainOf(ctx, in.DomainPath)
	if err != nil {
		return nil, err
	}
	if !d.Verified {
		if err := s.allowLookUp(ctx, tenant); err != nil {
			return nil, err
		}
		if err := s.findChallenge(ctx, d); err != nil {
			return nil, err
		}
		_, err = send(ctx, s, s.Commands.HoldMailDomain, ChangeHeaders{}, http.StatusOK, order[commands.HoldMailDomain]{
			stream: mailDomainStream(d.Name), command: commands.HoldMailDomain{TenantID: tenant.String(), ProviderID: id.String()},
			readModels: []string{access.Name}, mailDomain: true,
		})
		if err != nil {
			return nil, err
		}
	}
	return sendToProvider(ctx, s, s.Commands.VerifyProviderDomain, in.IDPath, in.ChangeHeaders, commands.VerifyProviderDomain{Domain: d.Name})
}

// removeDomain goes the other way round, so that a domain which leads to the
// provider is always one of its own.
func (s *server) removeDomain(ctx context.Context, in *struct {
	DomainPath
	ChangeHeaders
}) (*changed[IdentityProvider], error) {
	id, d, err := s.domainOf(ctx, in.DomainPath)
	if err == nil {
		err = s.releaseDomain(ctx, callOf(ctx).tenant, id, d.Name)
	}
	if err != nil && !errors.Is(err, provider.ErrDomainNotFound) { // a repeat finds none, and is answered below
		return nil, err
	}
	return sendToProvider(ctx, s, s.Commands.RemoveProviderDomain, in.IDPath, in.ChangeHeaders, commands.RemoveProviderDomain{Domain: in.Domain})
}

// domainOf finds a domain of a provider of the call's tenant.
func (s *server) domainOf(ctx context.Context, path DomainPath) (uuid.UUID, provider.Domain, error) {
	var none provider.Domain
	id, err := path.uuid(provider.ErrNotFound)
	if err != nil {
		return id, none, err
	}
	p, err := s.Directory.IdentityProvider(ctx, callOf(ctx).tenant, id)
	if err != nil {
		return id, none, missingAs(err, provider.ErrNotFound)
	}
	i := slices.IndexFunc(p.Domains, func(d provider.Domain) bool { return d.Name == path.Domain })
	if i < 0 {
		return id, none, provider.ErrDomainNotFound
	}
	return id, p.Domains[i], nil
}

func (s *server) releaseDomain(ctx context.Context, tenant, id uuid.UUID, name string) error {
	_, err := send(ctx, s, s.Commands.ReleaseMailDomain, ChangeHeaders{}, http.StatusOK, order[commands.ReleaseMailDomain]{
		stream: mailDomainStream(name), command: commands.ReleaseMailDomain{TenantID: tenant.String(), ProviderID: id.String()},
		readModels: []string{access.Name}, mailDomain: true,
	})
	return err
}

func mailDomainStream(name string) eventstore.Stream {
	return eventstore.Stream{Type: maildomain.StreamType, ID: name}
}

// findChallenge looks for a domain's record.
func (s *server) findChallenge(ctx context.Context, d provider.Domain) error {
	ctx, cancel := context.WithTimeout(ctx, challengeTime)
	defer cancel()
	records, err := s.NameServers.LookupTXT(ctx, challengePrefix+d.Name+".")
	missing := (*net.DNSError)(nil)
	if err != nil && (!errors.As(err, &missing) || !missing.IsNotFound) {
		return problem.New(problem.Unavailable, "The name servers of the domain do not answer; try again in a moment.").WithHeader("Retry-After", "5")
	}
	if !slices.Contains(records, challengeValue+d.Token) {
		return errNotVerified
	}
	return nil
}
