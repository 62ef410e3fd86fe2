package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// IdentityProvider is where people of a tenant sign in with accounts that they
// have elsewhere.
type IdentityProvider struct {
	ID             uuid.UUID
	Issuer         string
	Profile        provider.Profile
	SecretID       string
	Domains        []provider.Domain
	Status         string
	DisabledReason string
	EnabledAt      time.Time
	Version        int64 // of the provider's stream
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Vouches reports whether a session that it vouched for holds, by when that began.
func (p IdentityProvider) Vouches(since time.Time) bool {
	return p.Status == ProviderEnabled && !since.Before(p.EnabledAt)
}

// MailDomain is an e-mail domain that leads to a tenant's identity provider.
type MailDomain struct {
	Domain   string
	Tenant   uuid.UUID
	Provider uuid.UUID
}

// IdentityProvider finds an identity provider of a tenant.
func (d *Directory) IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (IdentityProvider, error) {
	row, err := d.queries.IdentityProviderByID(ctx, db.IdentityProviderByIDParams{TenantID: tenant, ID: id})
	return one(row, err, providerFromRow)
}

// IdentityProviders lists all identity providers of a tenant, oldest first.
func (d *Directory) IdentityProviders(ctx context.Context, tenant uuid.UUID) ([]IdentityProvider, error) {
	rows, err := d.queries.ListIdentityProviders(ctx, db.ListIdentityProvidersParams{TenantID: tenant, MaxRows: provider.MaxPerTenant})
	if err != nil {
		return nil, fmt.Errorf("identity providers: %w", err)
	}
	return convertAll(rows, providerFromRow)
}

// MailDomain tells where an e-mail domain leads.
func (d *Directory) MailDomain(ctx context.Context, domain string) (MailDomain, error) {
	if !page.Storable(domain) {
		return MailDomain{}, ErrNotFound
	}
	ctx = tenantscope.Within(ctx, eventstore.SystemTenant) // whose rows they are, whichever tenant asks
	row, err := d.queries.MailDomainByName(ctx, db.MailDomainByNameParams{TenantID: eventstore.SystemTenant, Domain: domain})
	return one(row, err, func(r db.MailDomain) (MailDomain, error) {
		return MailDomain{r.Domain, r.HeldBy, r.ProviderID}, nil
	})
}

// MaxMailDomains is how many domains of a tenant are told at once: twice as many as
// its providers can have.
const MaxMailDomains = 2 * provider.MaxPerTenant * provider.MaxDomains

// MailDomainsOf lists e-mail domains that lead to a tenant.
func (d *Directory) MailDomainsOf(ctx context.Context, tenant uuid.UUID) ([]MailDomain, error) {
	rows, err := d.queries.MailDomainsOf(ctx, db.MailDomainsOfParams{TenantID: eventstore.SystemTenant, HeldBy: tenant, MaxRows: MaxMailDomains})
	if err != nil {
		return nil, fmt.Errorf("mail domains: %w", err)
	}
	return convertAll(rows, func(r db.MailDomain) (MailDomain, error) { return MailDomain{r.Domain, r.HeldBy, r.ProviderID}, nil })
}

func providerFromRow(r db.IdentityProvider) (IdentityProvider, error) {
	p := IdentityProvider{
		ID: r.ID, Issuer: r.Issuer, SecretID: r.SecretID, Status: r.Status, DisabledReason: r.DisabledReason,
		EnabledAt: r.EnabledAt.UTC(), Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if err := json.Unmarshal(r.Profile, &p.Profile); err != nil {
		return p, fmt.Errorf("the profile of identity provider %s: %w", r.ID, err)
	}
	if err := json.Unmarshal(r.Domains, &p.Domains); err != nil {
		return p, fmt.Errorf("the domains of identity provider %s: %w", r.ID, err)
	}
	return p, nil
}
