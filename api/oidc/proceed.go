package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/grants"
	"tansu.cloud/projections/readmodels/access"
)

// serveContinue goes on with a request that is on its way.
func (p *Provider) serveContinue(w http.ResponseWriter, r *http.Request) {
	t, err := p.unseal(r.FormValue("request"))
	if err != nil {
		p.showExpired(w, r)
		return
	}
	p.proceed(w, r, t)
}

// proceed takes a request as far as it gets: to the next page that has to ask
// something, or to its end.
func (p *Provider) proceed(w http.ResponseWriter, r *http.Request, t ticket) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.proceedAs(w, r, t, v)
}

// proceedAs is proceed for a visitor whose cookie may just have been set.
func (p *Provider) proceedAs(w http.ResponseWriter, r *http.Request, t ticket, v *visit) {
	if t.To != toAuthorize {
		p.arrive(w, r, t, v)
		return
	}
	c, ok := p.clientOf(w, r, t)
	if !ok {
		return
	}
	if p.mustSignIn(t, v) {
		if t.Silent {
			p.answer(w, r, t, refuse("login_required", "the user has to sign in"))
			return
		}
		http.Redirect(w, r, pageLogin+"?request="+p.seal(t), http.StatusSeeOther)
		return
	}
	asked, err := p.choose(r, &t, v)
	if err != nil {
		p.answer(w, r, t, err)
		return
	}
	if asked {
		http.Redirect(w, r, pageTenant+"?request="+p.seal(t), http.StatusSeeOther)
		return
	}
	if asked, err = p.mustConsent(r, c, t, v); err != nil {
		p.answer(w, r, t, err)
		return
	}
	if asked {
		http.Redirect(w, r, pageConsent+"?request="+p.seal(t), http.StatusSeeOther)
		return
	}
	p.approve(w, r, c, t, v)
}

// clientOf finds the client of a request that is under way. It may have been
// disabled, or have given up the address, since the request came; nobody is sent
// there then.
func (p *Provider) clientOf(w http.ResponseWriter, r *http.Request, t ticket) (*client, bool) {
	c, err := p.client(r.Context(), t.ClientID)
	if errors.Is(err, errNoClient) || err == nil && !c.redirectAllowed(t.RedirectURI) {
		p.showError(w, r, http.StatusBadRequest, "The application, or the address that it wants you to be sent to, is not registered here any more.")
		return nil, false
	}
	if err != nil {
		p.showFailure(w, r, err)
		return nil, false
	}
	return c, true
}

// arrive goes where a ticket leads that has nothing to do with a client.
func (p *Provider) arrive(w http.ResponseWriter, r *http.Request, t ticket, v *visit) {
	target := pageHome
	switch {
	case v == nil:
		target = pageLogin + "?request=" + p.seal(t)
	case t.To == toDevice:
		target = pageDevice + "?user_code=" + url.QueryEscape(t.Text)
	case t.To == toSecurity:
		target = pageSecurity
	case t.To == toInvite:
		target = pageInvite + "?token=" + url.QueryEscape(t.Text)
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func (p *Provider) mustSignIn(t ticket, v *visit) bool {
	if v != nil && v.isConfined() && t.Chosen && t.Tenant != v.confined.Tenant {
		return true // for another tenant the visitor is not signed in
	}
	if v == nil || t.Subject != uuid.Nil && t.Subject != v.user.ID {
		return true
	}
	signedInAt := v.session.AuthTime
	if t.Login && signedInAt.Before(t.IssuedAt) {
		return true
	}
	// Asking for a sign-in not older than now must not ask for ever.
	return t.MaxAge != nil && signedInAt.Add(time.Duration(*t.MaxAge)*time.Second).Before(t.IssuedAt)
}

// choose settles the tenant, or says that the visitor has to be asked. It is
// checked again whenever tokens are minted.
func (p *Provider) choose(r *http.Request, t *ticket, v *visit) (ask bool, err error) {
	memberships, err := p.memberships(r, v)
	if err != nil {
		return false, err
	}
	if len(memberships) == 0 {
		return false, refuse("access_denied", "the user is not a member of any tenant")
	}
	if t.Chosen {
		if !slices.ContainsFunc(memberships, func(m access.Membership) bool { return m.Tenant == t.Tenant }) {
			return false, refuse("access_denied", "the user is not a member of the tenant")
		}
		return false, nil
	}
	if len(memberships) == 1 && !t.AskAccount {
		t.Tenant, t.Chosen = memberships[0].Tenant, true
		return false, nil
	}
	if t.Silent {
		return false, refuse("account_selection_required", "the user has to choose a tenant")
	}
	return true, nil
}

// mustConsent says whether the visitor has to agree. A client of somebody else's
// is agreed to once per tenant. Any program on a device can pose as one that is
// signed in there, so those are agreed to each time, unless the visitor has just
// signed in for this very request (RFC 8252, section 8.6).
func (p *Provider) mustConsent(r *http.Request, c *client, t ticket, v *visit) (ask bool, err error) {
	unseen := p.native(t.RedirectURI) && v.session.AuthTime.Before(t.IssuedAt)
	if t.Agreed == v.session.ID || c.firstParty && !unseen {
		return false, nil
	}
	consented := c.firstParty
	if !consented {
		if consented, err = p.Grants.Consented(r.Context(), v.user.ID, c.id, t.Tenant, p.agreedTo(t)); err != nil {
			return false, err
		}
	}
	if consented && !t.AskConsent && !unseen {
		return false, nil
	}
	if t.Silent {
		return false, refuse("consent_required", "the user has to agree")
	}
	return true, nil
}

// agreedTo is what a visitor agrees to: a scope, and the site that the page names.
// A client that sends people elsewhere later asks again.
func (p *Provider) agreedTo(t ticket) []string {
	site := siteDevice
	if u, err := url.Parse(t.RedirectURI); err == nil && !p.native(t.RedirectURI) {
		site = sitePrefix + u.Scheme + "://" + u.Host
	}
	return append(slices.Clone(t.Scope), site)
}

// native tells addresses of programs on a device from those of web sites. Our
// own pages may be on this device too.
func (p *Provider) native(redirect string) bool {
	if strings.HasPrefix(redirect, p.issuer+"/") {
		return false
	}
	u, err := url.Parse(redirect)
	return err != nil || u.Scheme != "http" && u.Scheme != "https" || loopback(u.Hostname())
}

// approve ends a request well.
func (p *Provider) approve(w http.ResponseWriter, r *http.Request, c *client, t ticket, v *visit) {
	code, err := p.issueCode(r, c, t, v)
	switch {
	case errors.Is(err, grants.ErrNotConsented): // withdrawn since the visitor was asked
		t.Agreed = uuid.Nil
		p.proceedAs(w, r, t, v)
		return
	case errors.Is(err, errNotMember):
		err = refuse("access_denied", "the user is not a member of the tenant")
	case errors.Is(err, errNotActive), errors.Is(err, errSignedOut):
		err = refuse("access_denied", "the user has to sign in again")
	}
	if errors.Is(err, errConfined) {
		err = refuse("access_denied", "the user signed in for another tenant only")
	}
	if err != nil {
		p.answer(w, r, t, err)
		return
	}
	p.answer(w, r, t, code)
}

// issueCode checks once more and makes the grant. A program on a device gets a
// session of its own, so that signing out here does not end what runs there.
func (p *Provider) issueCode(r *http.Request, c *client, t ticket, v *visit) (string, error) {
	if _, err := p.subjectOf(r.Context(), v.user.ID, v.session.ID, t.Tenant); err != nil {
		return "", err
	}
	session := v.session.ID
	if p.native(t.RedirectURI) {
		var err error
		if session, err = p.startSession(r, v.user.ID, methodProgram+v.method, v.confined); err != nil {
			return "", err
		}
		if err := p.unchanged(r.Context(), v.user); err != nil {
			return "", errors.Join(err, p.Acts.EndSession(r.Context(), p.visitorOf(r, v.user.ID), session, overtaken))
		}
	}
	a := grants.Approval{
		ClientID: t.ClientID, User: v.user.ID, Session: session, MemberOf: t.Tenant, Scope: t.Scope, Nonce: t.Nonce,
		AuthTime: v.session.AuthTime, RedirectURI: t.RedirectURI, Challenge: t.Challenge,
	}
	if !c.firstParty {
		a.Agreed = p.agreedTo(t)
	}
	code, err := p.Grants.IssueCode(r.Context(), a)
	if errors.Is(err, grants.ErrNotConsented) && session != v.session.ID {
		err = errors.Join(err, p.Acts.EndSession(r.Context(), p.visitorOf(r, v.user.ID), session, "not approved"))
	}
	return code, err
}
