package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// externalLife is how long somebody may take to sign in at an identity provider.
const externalLife = 10 * time.Minute

// toLink leads to the page about signing in, with one more identity linked.
const toLink = "link"

// maxCookie is what every browser keeps of a cookie, with room for its name.
const maxCookie = 3_800

// external is a sign-in at a tenant's identity provider: to begin, or, with Begun,
// under way. What is under way waits in a cookie, so that it ends in the browser in
// which it began.
type external struct {
	Confinement
	Begun *federation.Begun `json:"b,omitempty"`
	At    time.Time         `json:"at,omitzero"`
}

// externalLink is where a sign-in at a provider begins, for somebody who came for t.
func (p *Provider) externalLink(t ticket, owner, id uuid.UUID) string {
	t.External = &external{Confinement: Confinement{owner, id}}
	return pageExternal + "?request=" + p.seal(t)
}

// providerChoices lists the providers of the tenant that a client asks for.
func (p *Provider) providerChoices(r *http.Request, t ticket) ([]providerChoice, error) {
	if t.To != toAuthorize || !t.Chosen {
		return nil, nil
	}
	list, err := p.Access.IdentityProviders(tenantscope.Within(r.Context(), t.Tenant), t.Tenant)
	var choices []providerChoice
	for _, one := range list {
		if one.Status == access.ProviderEnabled {
			choices = append(choices, providerChoice{Name: one.Profile.Name, Link: p.externalLink(t, t.Tenant, one.ID)})
		}
	}
	return choices, err
}

// findOrganisation leads somebody to the provider of their e-mail domain. It asks
// before it sends them away, because browsers hold forms to the policy of the page
// through all redirects, and people look where they are sent.
func (p *Provider) findOrganisation(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		p.showExpired(w, r)
		return
	}
	if !p.allowedToTry(r.Context(), "organisation", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return
	}
	typed := r.PostFormValue("email")
	email, wrong := user.NormaliseEmail(typed)
	if len(wrong) > 0 {
		p.showLoginAgain(w, r, http.StatusUnprocessableEntity, t, typed, problem{"organisation", notAnAddress})
		return
	}
	led, err := p.Access.MailDomain(r.Context(), provider.DomainOf(email))
	var found access.IdentityProvider
	if err == nil {
		found, err = p.Access.IdentityProvider(tenantscope.Within(r.Context(), led.Tenant), led.Tenant, led.Provider)
	}
	if errors.Is(err, access.ErrNotFound) || err == nil && found.Status != access.ProviderEnabled {
		p.showLoginAgain(w, r, http.StatusUnprocessableEntity, t, typed, problem{"organisation", "No organisation signs people with such addresses in. Sign in with your password or passkey."})
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	t.LoginHint = email
	p.showDeparture(w, r, found, p.externalLink(t, led.Tenant, led.Provider))
}

func (p *Provider) showDeparture(w http.ResponseWriter, r *http.Request, to access.IdentityProvider, link string) {
	p.show(w, r, http.StatusOK, "message", view{
		Title: "Continue at your organisation", Text: to.Profile.Name + " signs you in, at " + hostOf(to.Issuer) + ".",
		Link: link, LinkText: "Continue to " + to.Profile.Name,
	})
}

// beginExternal sends the browser to a provider.
func (p *Provider) beginExternal(w http.ResponseWriter, r *http.Request) {
	t, err := p.unseal(r.FormValue("request"))
	if err != nil || t.External == nil {
		p.showExpired(w, r)
		return
	}
	if !p.allowedToTry(r.Context(), "external", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return
	}
	if t.To == toAuthorize && t.Chosen && t.Tenant != t.External.Tenant {
		p.showError(w, r, http.StatusForbidden, "The application wants you to sign in for a tenant of another organisation.")
		return
	}
	_, asked, ok := p.providerOf(w, r, t.External.Confinement)
	if !ok {
		return
	}
	address, begun, err := p.Federation.Begin(r.Context(), asked, p.callback(t.External.Provider), federation.Wish{
		LoginHint: t.LoginHint, Anew: t.To == toLink, Proven: t.Login || t.MaxAge != nil,
	})
	if err != nil {
		p.showExternalProblem(w, r, t.External.Confinement, err)
		return
	}
	t.External = &external{Confinement: t.External.Confinement, Begun: &begun, At: p.Now()}
	kept := p.seal(t)
	if len(kept) > maxCookie {
		p.showError(w, r, http.StatusBadRequest, "The application sent more with its request than can wait for you here.")
		return
	}
	p.setCookie(w, "external", kept, externalLife)
	pageHeaders(w.Header())
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (p *Provider) callback(id uuid.UUID) string { return p.issuer + pageCallback + id.String() }

// providerOf finds a provider that people can sign in with, or says that there is
// none.
func (p *Provider) providerOf(w http.ResponseWriter, r *http.Request, c Confinement) (found access.IdentityProvider, asked federation.Provider, ok bool) {
	found, err := p.Access.IdentityProvider(tenantscope.Within(r.Context(), c.Tenant), c.Tenant, c.Provider)
	var owner tenantdirectory.Tenant
	if err == nil {
		owner, err = p.Tenants.Get(r.Context(), c.Tenant.String())
	}
	closed := errors.Is(err, access.ErrNotFound) || errors.Is(err, tenantdirectory.ErrNotFound)
	if closed || err == nil && (found.Status != access.ProviderEnabled || !tenant.Status(owner.Status).Open()) {
		p.showMessage(w, r, http.StatusForbidden, "This way in is closed", "Your organisation's sign-in was turned off or removed, or its tenant is closed. Ask whoever looks after it.")
		return found, asked, false
	}
	var secretID uuid.UUID
	if err == nil {
		secretID, err = uuid.Parse(found.SecretID)
	}
	var secret string
	if err == nil {
		secret, err = p.Credentials.ProviderSecret(r.Context(), c.Tenant, c.Provider, secretID)
	}
	if err != nil {
		p.showFailure(w, r, err)
		return found, asked, false
	}
	return found, federation.Provider{
		Issuer: found.Issuer, ClientID: found.Profile.ClientID, Secret: secret, Scopes: found.Profile.Scopes, GroupsClaim: found.Profile.GroupsClaim,
	}, true
}

// finishExternal is where a provider sends the browser back to. What it brings
// counts once, within minutes, in the browser that was sent away.
func (p *Provider) finishExternal(w http.ResponseWriter, r *http.Request) {
	if !p.allowedToTry(r.Context(), "external", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return
	}
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if _, bad := repeated(answer); bad || err != nil || len(r.URL.RawQuery) > maxForm {
		p.showError(w, r, http.StatusBadRequest, "Your organisation sent an answer that cannot be read.")
		return
	}
	t, ok := p.underWay(r, answer.Get("state"))
	if !ok {
		p.showMessage(w, r, http.StatusBadRequest, "This sign-in is over",
			"It took too long, was finished before, or began in another browser. Go back to where you came from and begin again.")
		return
	}
	p.dropCookie(w, "external")
	sum := sha256.Sum256([]byte("external sign-in " + t.External.Begun.State))
	first, err := p.Credentials.SpendChallenge(r.Context(), sum[:], t.External.At.Add(externalLife))
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if !first {
		p.showMessage(w, r, http.StatusBadRequest, "This sign-in is over", "It was finished before. Go back to where you came from and begin again.")
		return
	}
	found, asked, ok := p.providerOf(w, r, t.External.Confinement)
	if !ok {
		return
	}
	person, err := p.Federation.Finish(r.Context(), asked, p.callback(found.ID), *t.External.Begun, answer)
	if err != nil {
		p.showExternalProblem(w, r, t.External.Confinement, err)
		return
	}
	from := arrival{Confinement: t.External.Confinement, provider: found, person: person, index: p.IdentityIndex(t.External.Tenant, found.Issuer, person.Subject)}
	t.External = nil
	if t.To == toLink {
		p.linkIdentity(w, r, t, from)
		return
	}
	p.enterExternally(w, r, t, from)
}

// underWay finds the sign-in that an answer belongs to: the one of this browser, if
// it is for this provider and of this state.
func (p *Provider) underWay(r *http.Request, state string) (ticket, bool) {
	cookie, err := r.Cookie(p.cookieName("external"))
	if err != nil {
		return ticket{}, false
	}
	t, err := p.unsealWithin(cookie.Value, ticketLife+externalLife)
	if err != nil || t.External == nil || t.External.Begun == nil || t.External.Begun.State == "" {
		return t, false
	}
	return t, p.Now().Sub(t.External.At) <= externalLife && r.PathValue("provider") == t.External.Provider.String() &&
		subtle.ConstantTimeCompare([]byte(state), []byte(t.External.Begun.State)) == 1
}

// showExternalProblem says what to do when a provider fails. Why it failed stands
// in the log, because it is for those who set it up.
func (p *Provider) showExternalProblem(w http.ResponseWriter, r *http.Request, c Confinement, err error) {
	p.Logger.WarnContext(r.Context(), "oidc: somebody could not sign in with an identity provider",
		"tenant_id", c.Tenant, "identity_provider", c.Provider, "error", err)
	status, title, text := http.StatusBadGateway, "Your organisation's sign-in does not work", ""
	switch {
	case errors.Is(err, federation.ErrUnreachable):
		text = "It cannot be reached, or answers in a way that is not understood here. Try again in a moment; then ask whoever looks after it."
	case errors.Is(err, federation.ErrRejected):
		text = "It did not accept this installation. Whoever looks after it should look at the client id and its secret."
	case errors.Is(err, federation.ErrDenied):
		status, title, text = http.StatusForbidden, "You are not signed in", "Your organisation did not sign you in. Try again, or ask whoever looks after it."
	case errors.Is(err, federation.ErrNotAnew):
		status, title, text = http.StatusForbidden, "You have to sign in anew", "The application wants you to show again who you are, and your organisation's sign-in does not say that you did. "+
			"Sign out there and begin again; if that does not help, ask whoever looks after it to have it send auth_time."
	case errors.Is(err, federation.ErrTooManyGroups):
		text = "You are in more groups than it tells. Whoever looks after it should have it send only those that matter here."
	case errors.Is(err, federation.ErrInvalid):
		status, title, text = http.StatusBadRequest, "The answer does not hold", "What your organisation's sign-in sent is not an answer to what was asked. Begin again, and do not follow links that others sent you."
	case errors.Is(err, credentials.ErrNotStored):
		text = "Its secret is missing here. Whoever looks after it should enter the secret again."
	default:
		p.showFailure(w, r, err)
		return
	}
	p.showMessage(w, r, status, title, text)
}
