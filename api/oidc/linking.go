package oidc

import (
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
)

// maxOffers is of how many tenants the page about signing in shows the providers.
const maxOffers = 20

type identityRow struct{ Index, Name, Tenant, Host, Linked string }

type identityOffer struct{ TenantID, ProviderID, Name, Tenant string }

// identitiesOf lists what is linked to a visitor's account and what can be.
func (p *Provider) identitiesOf(r *http.Request, v *visit) (rows []identityRow, offers []identityOffer, err error) {
	linked, err := p.Users.Identities(r.Context(), v.user.ID)
	if err != nil {
		return nil, nil, err
	}
	with := map[uuid.UUID]bool{}
	for _, i := range linked {
		with[i.Provider] = true
		row := identityRow{Index: i.Index, Name: "An identity provider that is gone", Host: hostOf(i.Issuer), Linked: shown(i.LinkedAt)}
		if row.Tenant, err = p.tenantName(r, i.Tenant); err != nil {
			return nil, nil, err
		}
		found, err := p.Access.IdentityProvider(tenantscope.Within(r.Context(), i.Tenant), i.Tenant, i.Provider)
		if err == nil {
			row.Name = found.Profile.Name
		} else if !errors.Is(err, access.ErrNotFound) {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	memberships, err := p.memberships(r, v)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range memberships[:min(len(memberships), maxOffers)] {
		list, err := p.Access.IdentityProviders(tenantscope.Within(r.Context(), m.Tenant), m.Tenant)
		if err != nil {
			return nil, nil, err
		}
		for _, one := range list {
			if one.Status != access.ProviderEnabled || with[one.ID] {
				continue
			}
			name, err := p.tenantName(r, m.Tenant)
			if err != nil {
				return nil, nil, err
			}
			offers = append(offers, identityOffer{m.Tenant.String(), one.ID.String(), one.Profile.Name, name})
		}
	}
	return rows, offers, nil
}

// beginLink lets a visitor show who they are at a provider of one of their tenants.
// What it seals is good for this very session, so that nobody else can have it
// followed.
func (p *Provider) beginLink(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	tenant, err1 := uuid.Parse(r.PostFormValue("tenant"))
	id, err2 := uuid.Parse(r.PostFormValue("provider"))
	if err1 != nil || err2 != nil {
		p.toSecurityPage(w, r, nil)
		return
	}
	if isMember, err := p.isMember(r, v, tenant); err != nil || !isMember {
		p.toSecurityPage(w, r, err)
		return
	}
	found, _, ok := p.providerOf(w, r, Confinement{tenant, id})
	if !ok {
		return
	}
	t := ticket{To: toLink, IssuedAt: p.Now(), Subject: v.user.ID, Agreed: v.session.ID}
	p.showDeparture(w, r, found, p.externalLink(t, tenant, id))
}

func (p *Provider) isMember(r *http.Request, v *visit, tenant uuid.UUID) (bool, error) {
	memberships, err := p.memberships(r, v)
	return slices.ContainsFunc(memberships, func(m access.Membership) bool { return m.Tenant == tenant }), err
}

// linkIdentity links what a visitor has shown, if they are still who began.
func (p *Provider) linkIdentity(w http.ResponseWriter, r *http.Request, t ticket, a arrival) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	if v.user.ID != t.Subject || v.session.ID != t.Agreed {
		p.showExpired(w, r)
		return
	}
	if isMember, err := p.isMember(r, v, a.Tenant); err != nil || !isMember {
		p.toSecurityPage(w, r, err)
		return
	}
	if err := p.Acts.LinkIdentity(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, a.identity()); err != nil {
		p.showRefusal(w, r, v, err)
		return
	}
	p.toSecurityPage(w, r, nil)
}

// unlinked is why sessions end that a tenant's provider vouched for.
const unlinked = "the identity was unlinked"

// unlinkIdentity takes an identity away, with the sessions that came from there. A
// saga would end them without us; here it is done so that none holds any more when
// the page is shown.
func (p *Provider) unlinkIdentity(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	index := r.PostFormValue("identity")
	linked, err := p.Users.Identities(r.Context(), v.user.ID)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	for _, i := range linked {
		if i.Index != index {
			continue
		}
		if err := p.Acts.UnlinkIdentity(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, index); err != nil {
			p.showRefusal(w, r, v, err)
			return
		}
		p.toSecurityPage(w, r, p.endVouched(r, v, i.Tenant))
		return
	}
	p.toSecurityPage(w, r, nil)
}

// endVouched ends the sessions for which a tenant's providers vouched, whichever: one
// that was added anew has the identities of the one before.
func (p *Provider) endVouched(r *http.Request, v *visit, tenant uuid.UUID) error {
	live, err := p.Users.Sessions(r.Context(), v.user.ID)
	for _, s := range live {
		if s.Confined() && s.ConfinedTo == tenant {
			err = errors.Join(err, p.end(r.Context(), p.visitorOf(r, v.user.ID), s.ID, unlinked))
		}
	}
	return err
}
