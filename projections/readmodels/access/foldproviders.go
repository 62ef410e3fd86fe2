package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

func (w writer) providers() fold.Rows[uuid.UUID, db.IdentityProvider] {
	return fold.Rows[uuid.UUID, db.IdentityProvider]{
		Key:   uuid.Parse,
		KeyOf: func(r db.IdentityProvider) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]db.IdentityProvider, error) {
			return w.queries.IdentityProviderRows(ctx, db.IdentityProviderRowsParams{TenantID: w.tenant, Ids: ids})
		},
		Fold: foldProvider,
		Write: func(ctx context.Context, rows []*db.IdentityProvider) error {
			return w.queries.UpsertIdentityProviders(ctx, db.UpsertIdentityProvidersParams{
				TenantID:  w.tenant,
				Ids:       fold.Column(rows, func(r *db.IdentityProvider) uuid.UUID { return r.ID }),
				Issuers:   fold.Column(rows, func(r *db.IdentityProvider) string { return r.Issuer }),
				Profiles:  fold.Column(rows, func(r *db.IdentityProvider) json.RawMessage { return r.Profile }),
				SecretIds: fold.Column(rows, func(r *db.IdentityProvider) string { return r.SecretID }),
				Domains:   fold.Column(rows, func(r *db.IdentityProvider) json.RawMessage { return r.Domains }),
				Statuses:  fold.Column(rows, func(r *db.IdentityProvider) string { return r.Status }),
				Reasons:   fold.Column(rows, func(r *db.IdentityProvider) string { return r.DisabledReason }),
				Enabled:   fold.Column(rows, func(r *db.IdentityProvider) time.Time { return r.EnabledAt }),
				Versions:  fold.Column(rows, func(r *db.IdentityProvider) int64 { return r.Version }),
				Created:   fold.Column(rows, func(r *db.IdentityProvider) time.Time { return r.CreatedAt }),
				Updated:   fold.Column(rows, func(r *db.IdentityProvider) time.Time { return r.UpdatedAt }),
			})
		},
		Delete: func(ctx context.Context, ids []uuid.UUID) error {
			return w.queries.DeleteIdentityProviders(ctx, db.DeleteIdentityProvidersParams{TenantID: w.tenant, Ids: ids})
		},
	}
}

func foldProvider(row *db.IdentityProvider, id uuid.UUID, c projections.Change) (_ *db.IdentityProvider, err error) {
	if e, ok := c.Payload.(provider.Added); ok {
		row = &db.IdentityProvider{
			ID: id, Issuer: e.Issuer, SecretID: e.SecretID, Domains: json.RawMessage("[]"), Status: ProviderEnabled,
			EnabledAt: e.At, Version: c.Event.Version, CreatedAt: e.At, UpdatedAt: e.At,
		}
		row.Profile, err = json.Marshal(e.Profile)
		return row, err
	}
	if row == nil {
		return nil, fold.ErrUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case provider.Changed:
		row.UpdatedAt = e.At
		row.Profile, err = json.Marshal(e.Profile)
	case provider.SecretChanged:
		row.SecretID, row.UpdatedAt = e.SecretID, e.At
	case provider.Enabled:
		row.Status, row.DisabledReason, row.EnabledAt, row.UpdatedAt = ProviderEnabled, "", e.At, e.At
	case provider.Disabled:
		row.Status, row.DisabledReason, row.UpdatedAt = ProviderDisabled, e.Reason, e.At
	case provider.DomainAdded:
		row.UpdatedAt = e.At
		err = changeDomains(row, func(list []provider.Domain) []provider.Domain {
			return append(list, provider.Domain{Name: e.Domain, Token: e.Token})
		})
	case provider.DomainVerified:
		row.UpdatedAt = e.At
		err = changeDomains(row, func(list []provider.Domain) []provider.Domain {
			for i := range list {
				list[i].Verified = list[i].Verified || list[i].Name == e.Domain
			}
			return list
		})
	case provider.DomainRemoved:
		row.UpdatedAt = e.At
		err = changeDomains(row, func(list []provider.Domain) []provider.Domain {
			return slices.DeleteFunc(list, func(d provider.Domain) bool { return d.Name == e.Domain })
		})
	case provider.Removed:
		return nil, nil
	default:
		err = fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, err
}

func changeDomains(row *db.IdentityProvider, change func([]provider.Domain) []provider.Domain) error {
	var list []provider.Domain
	err := json.Unmarshal(row.Domains, &list)
	if err != nil {
		return err
	}
	row.Domains, err = json.Marshal(change(list))
	return err
}

func (w writer) mailDomains() fold.Rows[string, db.MailDomain] {
	return fold.Rows[string, db.MailDomain]{
		Key:   func(domain string) (string, error) { return domain, nil },
		KeyOf: func(r db.MailDomain) string { return r.Domain },
		Read: func(ctx context.Context, domains []string) ([]db.MailDomain, error) {
			return w.queries.MailDomainRows(ctx, db.MailDomainRowsParams{TenantID: w.tenant, Domains: domains})
		},
		Fold: foldMailDomain,
		Write: func(ctx context.Context, rows []*db.MailDomain) error {
			return w.queries.UpsertMailDomains(ctx, db.UpsertMailDomainsParams{
				TenantID:    w.tenant,
				Domains:     fold.Column(rows, func(r *db.MailDomain) string { return r.Domain }),
				HeldBy:      fold.Column(rows, func(r *db.MailDomain) uuid.UUID { return r.HeldBy }),
				ProviderIds: fold.Column(rows, func(r *db.MailDomain) uuid.UUID { return r.ProviderID }),
				Versions:    fold.Column(rows, func(r *db.MailDomain) int64 { return r.Version }),
			})
		},
		Delete: func(ctx context.Context, domains []string) error {
			return w.queries.DeleteMailDomains(ctx, db.DeleteMailDomainsParams{TenantID: w.tenant, Domains: domains})
		},
	}
}

func foldMailDomain(_ *db.MailDomain, domain string, c projections.Change) (*db.MailDomain, error) {
	switch e := c.Payload.(type) {
	case maildomain.Held:
		holder, err := uuid.Parse(e.TenantID)
		if err != nil {
			return nil, err
		}
		leads, err := uuid.Parse(e.ProviderID)
		return &db.MailDomain{Domain: domain, HeldBy: holder, ProviderID: leads, Version: c.Event.Version}, err
	case maildomain.Released:
		return nil, nil
	}
	return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
}
