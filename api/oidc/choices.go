package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// authorizing opens the ticket of a page that stands in the middle of a request,
// for a visitor who is signed in as the request wants it.
func (p *Provider) authorizing(w http.ResponseWriter, r *http.Request) (t ticket, v *visit, ok bool) {
	t, err := p.unseal(r.FormValue("request"))
	if err != nil || t.To != toAuthorize {
		p.showExpired(w, r)
		return t, nil, false
	}
	if v, err = p.visitor(r); err != nil {
		p.showFailure(w, r, err)
		return t, nil, false
	}
	if p.mustSignIn(t, v) {
		p.proceedAs(w, r, t, v)
		return t, nil, false
	}
	_, ok = p.clientOf(w, r, t)
	return t, v, ok
}

// consenting is authorizing for a request whose tenant is one of the visitor's.
func (p *Provider) consenting(w http.ResponseWriter, r *http.Request) (t ticket, v *visit, ok bool) {
	if t, v, ok = p.authorizing(w, r); !ok {
		return t, v, false
	}
	if asked, err := p.choose(r, &t, v); asked || err != nil {
		p.proceedAs(w, r, t, v) // which says so
		return t, nil, false
	}
	return t, v, true
}

// choiceView is what the pages in the middle of a request have in common.
func (p *Provider) choiceView(r *http.Request, title string, t ticket, v *visit) (view, *client, error) {
	c, err := p.client(r.Context(), t.ClientID)
	if err != nil {
		return view{}, nil, err
	}
	return view{Title: title, Request: p.seal(t), Email: v.called(), Client: c.name, redirect: t.RedirectURI}, c, nil
}

// memberships lists the tenants of a visitor that their session is good for.
func (p *Provider) memberships(r *http.Request, v *visit) ([]access.Membership, error) {
	all, err := p.Access.MembershipsOf(r.Context(), v.user.ID)
	if err != nil || !v.isConfined() {
		return all, err
	}
	return slices.DeleteFunc(all, func(m access.Membership) bool { return m.Tenant != v.confined.Tenant }), nil
}

// tenants lists what a visitor can choose from.
func (p *Provider) tenants(r *http.Request, v *visit) ([]tenantChoice, error) {
	memberships, err := p.memberships(r, v)
	if err != nil {
		return nil, err
	}
	choices := make([]tenantChoice, 0, len(memberships))
	for _, m := range memberships {
		name, err := p.tenantName(r, m.Tenant)
		if err != nil {
			return nil, err
		}
		choices = append(choices, tenantChoice{ID: m.Tenant.String(), Name: name, Selected: len(memberships) == 1})
	}
	slices.SortFunc(choices, func(a, b tenantChoice) int { return strings.Compare(a.Name, b.Name) })
	return choices, nil
}

func (p *Provider) tenantName(r *http.Request, id uuid.UUID) (string, error) {
	if id == uuid.Nil {
		return "The platform itself", nil
	}
	t, err := p.Tenants.Get(r.Context(), id.String())
	if errors.Is(err, tenantdirectory.ErrNotFound) {
		return id.String(), nil
	}
	return t.Name, err
}

func (p *Provider) showTenants(w http.ResponseWriter, r *http.Request) {
	if t, v, ok := p.authorizing(w, r); ok {
		p.askTenant(w, r, t, v)
	}
}

func (p *Provider) askTenant(w http.ResponseWriter, r *http.Request, t ticket, v *visit, wrong ...problem) {
	page, _, err := p.choiceView(r, "Choose a tenant", t, v)
	if err == nil {
		page.Tenants, err = p.tenants(r, v)
	}
	if err != nil {
		p.answer(w, r, t, err)
		return
	}
	page.Errors = wrong
	status := http.StatusOK
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	p.show(w, r, status, "tenant", page)
}

func (p *Provider) chooseTenant(w http.ResponseWriter, r *http.Request) {
	t, v, ok := p.authorizing(w, r)
	if !ok {
		return
	}
	tenant, err := uuid.Parse(r.PostFormValue("tenant"))
	if err != nil {
		p.askTenant(w, r, t, v, problem{"tenant", "Choose one of the tenants."})
		return
	}
	t.Tenant, t.Chosen, t.AskAccount = tenant, true, false
	p.proceedAs(w, r, t, v)
}

// scopeTexts say what a scope allows.
var scopeTexts = map[string]string{
	scopeOpenID:  "know who you are",
	scopeProfile: "see your name",
	scopeEmail:   "see your e-mail address",
	scopeOffline: "stay signed in when you are away",
	scopeAPI:     "do whatever you may do in this tenant",
}

func texts(scope []string) []string {
	said := make([]string, 0, len(scope))
	for _, one := range scope {
		said = append(said, scopeTexts[one])
	}
	return said
}

func (p *Provider) showConsent(w http.ResponseWriter, r *http.Request) {
	t, v, ok := p.consenting(w, r)
	if !ok {
		return
	}
	page, c, err := p.choiceView(r, "Allow access?", t, v)
	if err == nil {
		page.Tenant, err = p.tenantName(r, t.Tenant)
	}
	if err != nil {
		p.answer(w, r, t, err)
		return
	}
	page.Client, page.Scopes, page.Target = c.name, texts(t.Scope), hostOf(t.RedirectURI)
	p.show(w, r, http.StatusOK, "consent", page)
}

func hostOf(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Host == "" {
		return "an application on this device"
	}
	return u.Host
}

func (p *Provider) decideConsent(w http.ResponseWriter, r *http.Request) {
	t, v, ok := p.consenting(w, r)
	if !ok {
		return
	}
	if r.PostFormValue("decision") != "allow" {
		p.answer(w, r, t, refuse("access_denied", "the user refused"))
		return
	}
	if err := p.Grants.Consent(r.Context(), v.user.ID, t.ClientID, t.Tenant, p.agreedTo(t)); err != nil {
		p.answer(w, r, t, err)
		return
	}
	t.Agreed = v.session.ID
	p.proceedAs(w, r, t, v)
}
