package oidc

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// newcomers is how many people a tenant's providers may bring who were not known
// here. Who controls a provider can make up as many as they like.
var newcomers = limits.Rate{Tokens: 200, Per: time.Hour, Burst: 1_000}

// arrival is somebody who comes from a tenant's identity provider.
type arrival struct {
	Confinement
	provider access.IdentityProvider
	person   federation.Person
	index    string // of the identity
}

// identity is how an account names where somebody comes from.
func (a arrival) identity() user.Identity {
	return user.Identity{
		TenantID: a.Tenant.String(), ProviderID: a.Provider.String(), Issuer: a.provider.Issuer, Subject: a.person.Subject, Index: a.index,
	}
}

// enterExternally signs in the user whose identity it is, for the provider's tenant
// alone. An identity is known by issuer and subject: addresses prove nothing, for
// the provider can say any.
func (p *Provider) enterExternally(w http.ResponseWriter, r *http.Request, t ticket, a arrival) {
	known, err := p.Users.IdentityByIndex(r.Context(), a.index)
	var u users.User
	switch {
	case errors.Is(err, users.ErrNotFound):
		var ok bool
		if u, ok = p.welcome(w, r, a); !ok {
			return
		}
	case err == nil:
		u, err = p.Users.Get(r.Context(), known.UserID)
	}
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		p.showFailure(w, r, err)
		return
	}
	if u.Status != users.StatusActive {
		p.showMessage(w, r, http.StatusForbidden, "Your account is closed", "It was disabled here. Ask whoever looks after this installation.")
		return
	}
	if !p.mapRoles(w, r, a, u.ID) {
		return
	}
	v, err := p.signIn(w, r, u, methodExternal, a.Confinement)
	if err == nil {
		err = p.stillLinked(r, v, a)
	}
	if errors.Is(err, errSignedOut) {
		p.showExpired(w, r)
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.proceedAs(w, r, t, v)
}

// stillLinked is asked when a session has begun: whoever unlinked the identity
// meanwhile has not seen it. errSignedOut says so.
func (p *Provider) stillLinked(r *http.Request, v *visit, a arrival) error {
	found, err := p.Users.IdentityByIndex(r.Context(), a.index)
	if errors.Is(err, users.ErrNotFound) || err == nil && found.UserID != v.user.ID {
		return errors.Join(errSignedOut, p.endSession(r, v, unlinked))
	}
	return err
}

// welcome makes an account for somebody whom nobody here knows, or says why not.
func (p *Provider) welcome(w http.ResponseWriter, r *http.Request, a arrival) (none users.User, ok bool) {
	profile := a.provider.Profile
	if !profile.JustInTime {
		p.showMessage(w, r, http.StatusForbidden, "You have no account here yet",
			"Ask an administrator for an invite. Once you have an account, link your organisation's sign-in to it on the page “Signing in”.")
		return none, false
	}
	if len(profile.RolesOf(a.person.Groups)) == 0 {
		p.showNoRoles(w, r)
		return none, false
	}
	if !p.allowedToTry(r.Context(), "newcomers", a.Tenant.String(), newcomers) {
		p.showTooMany(w, r)
		return none, false
	}
	email, err := p.addressOf(r, a)
	if err == nil && email != "" {
		_, err = p.Users.ByEmailIndex(r.Context(), p.EmailIndex(email))
		if err == nil {
			p.showKnownAddress(w, r, email)
			return none, false
		}
		if errors.Is(err, users.ErrNotFound) {
			err = nil
		}
	}
	var id uuid.UUID
	if err == nil {
		id, err = uuid.NewV7()
	}
	if err != nil {
		p.showFailure(w, r, err)
		return none, false
	}
	identity := a.identity()
	err = p.Acts.Register(r.Context(), p.visitorOf(r, id), Registration{
		User: id, Email: email, Name: nameFor(a.person, email), Verified: email != "", Identity: &identity,
	})
	switch {
	case errors.Is(err, user.ErrEmailTaken):
		p.showKnownAddress(w, r, email)
		return none, false
	case errors.Is(err, user.ErrIdentityTaken):
		p.showMessage(w, r, http.StatusConflict, "You signed in twice at once", "Begin again; it will work now.")
		return none, false
	}
	if err == nil {
		none, err = p.Users.Get(r.Context(), id)
	}
	if err != nil {
		p.showFailure(w, r, err)
		return none, false
	}
	return none, true
}

// addressOf returns the normalised e-mail address of somebody, if the provider
// stands by it and may: its domain is the tenant's. Without that they have an
// account without an address.
func (p *Provider) addressOf(r *http.Request, a arrival) (string, error) {
	email, wrong := user.NormaliseEmail(a.person.Email)
	if len(wrong) > 0 || !a.person.EmailVerified {
		return "", nil
	}
	held, err := p.Access.MailDomain(r.Context(), provider.DomainOf(email))
	if errors.Is(err, access.ErrNotFound) || err == nil && held.Tenant != a.Tenant {
		return "", nil
	}
	return email, err
}

// nameFor is what somebody is called here; nobody is kept out because their
// provider has an odd name for them.
func nameFor(person federation.Person, email string) string {
	name := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(person.Name, "")))
	if letters := []rune(name); len(letters) > maxName {
		name = strings.TrimSpace(string(letters[:maxName]))
	}
	switch {
	case name != "":
		return name
	case email != "":
		return email
	}
	return "Somebody"
}

func (p *Provider) showKnownAddress(w http.ResponseWriter, r *http.Request, email string) {
	p.show(w, r, http.StatusConflict, "message", view{
		Title: "You have an account here already",
		Text:  "There is an account with your address. Sign in with what you have for it, and link your organisation's sign-in on the page “Signing in”. This is never done by itself.",
		Link:  pageLogin + "?request=" + p.seal(ticket{To: toSecurity, IssuedAt: p.Now(), LoginHint: email}), LinkText: "Sign in to your account",
	})
}

func (p *Provider) showNoRoles(w http.ResponseWriter, r *http.Request) {
	p.showMessage(w, r, http.StatusForbidden, "You have no access", "None of the groups in which your organisation has you gives you access here. Ask whoever looks after them.")
}

// mapRoles gives somebody the roles of their groups, or says that they have no
// place in the tenant.
func (p *Provider) mapRoles(w http.ResponseWriter, r *http.Request, a arrival, id uuid.UUID) bool {
	err := p.Acts.MapRoles(r.Context(), p.visitorOf(r, id), id, a.Confinement, a.person.Groups)
	if err == nil {
		_, err = p.Access.Member(tenantscope.Within(r.Context(), a.Tenant), a.Tenant, id)
		if errors.Is(err, access.ErrNotFound) {
			p.showNoRoles(w, r)
			return false
		}
	}
	refusal := (*domain.Error)(nil)
	switch {
	case err == nil:
		return true
	case errors.Is(err, member.ErrNotFound):
		p.showMessage(w, r, http.StatusForbidden, "You are not a member", "You were removed here, or not let in yet. Ask an administrator.")
	case errors.As(err, &refusal):
		p.Logger.WarnContext(r.Context(), "oidc: somebody from an identity provider is not let in", "tenant_id", a.Tenant, "error", err)
		p.showMessage(w, r, http.StatusForbidden, "You cannot be let in", "The tenant has no room, or its sign-in was just changed. Ask an administrator.")
	default:
		p.showFailure(w, r, err)
	}
	return false
}
