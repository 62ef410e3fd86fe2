package oidc

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

// purpose opens the ticket of a page; without one a visitor ends up at home.
func (p *Provider) purpose(r *http.Request) (ticket, error) {
	sealed := r.FormValue("request")
	if sealed == "" {
		return ticket{To: toHome, IssuedAt: p.Now()}, nil
	}
	return p.unseal(sealed)
}

// loginView says where signing in leads.
func (p *Provider) loginView(r *http.Request, t ticket) view {
	v := view{Title: "Sign in", Email: t.LoginHint, redirect: t.RedirectURI}
	t.Half = nil
	if t.To != toHome {
		v.Request = p.seal(t)
	}
	if t.To == toAuthorize {
		if c, err := p.client(r.Context(), t.ClientID); err == nil {
			v.Client = c.name
		}
	}
	return v
}

func (p *Provider) showLogin(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		p.showExpired(w, r)
		return
	}
	p.showLoginAgain(w, r, http.StatusOK, t, t.LoginHint)
}

func (p *Provider) showLoginAgain(w http.ResponseWriter, r *http.Request, status int, t ticket, email string, wrong ...problem) {
	v := p.loginView(r, t)
	v.Email, v.Errors = email, wrong
	var err error
	if v.Choices, err = p.providerChoices(r, t); err != nil {
		p.showFailure(w, r, err)
		return
	}
	if v.Ceremony, err = p.signInCeremony(); err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.show(w, r, status, "login", v)
}

const notAnAddress = "This is not an e-mail address. One looks like name@example.com."

var wrongPassword = problem{"password", "The e-mail address or the password is not right."}

// login checks a password. Unknown, disabled and password-less accounts get the
// same answer after the same work as a wrong password.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		p.showExpired(w, r)
		return
	}
	typed, password := r.PostFormValue("email"), r.PostFormValue("password")
	email, wrong := user.NormaliseEmail(typed)
	if len(wrong) > 0 {
		p.showLoginAgain(w, r, http.StatusUnprocessableEntity, t, typed, problem{"email", notAnAddress})
		return
	}
	index := p.EmailIndex(email)
	if !p.signInAllowed(r.Context(), index, p.Address(r), p.knows(r, index)) {
		p.showTooMany(w, r)
		return
	}
	found, err := p.accountFor(r, index, password)
	if errors.Is(err, errNotActive) {
		p.showLoginAgain(w, r, http.StatusUnauthorized, t, typed, wrongPassword)
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.enter(w, r, t, found, methodPassword)
}

// accountFor returns the active account of an address and password:
// errNotActive for whatever else.
func (p *Provider) accountFor(r *http.Request, emailIndex, password string) (users.User, error) {
	found, err := p.Users.ByEmailIndex(r.Context(), emailIndex)
	if err != nil && !errors.Is(err, users.ErrNotFound) {
		return found, err
	}
	usable := err == nil && found.Status == users.StatusActive
	account, passwordID := uuid.Nil, uuid.Nil
	if id, err := uuid.Parse(found.PasswordID); usable && err == nil {
		account, passwordID = found.ID, id
	}
	right, err := p.Credentials.VerifyPassword(r.Context(), account, passwordID, password)
	if err != nil {
		return found, err
	}
	if !right || passwordID == uuid.Nil {
		return found, errNotActive
	}
	return found, nil
}

// sendLink mails a link that signs in once.
func (p *Provider) sendLink(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		p.showExpired(w, r)
		return
	}
	typed := r.PostFormValue("email")
	email, wrong := user.NormaliseEmail(typed)
	if len(wrong) > 0 {
		p.showLoginAgain(w, r, http.StatusUnprocessableEntity, t, typed, problem{"link-email", notAnAddress})
		return
	}
	query := url.Values{}
	if t.To != toHome {
		query.Set("request", p.seal(t))
	}
	p.promiseMail(w, r, email, credentials.SignIn, pageOnce, query, linkLife)
}

// showOnce asks before the link counts, because programs that look for dangerous
// mail follow links.
func (p *Provider) showOnce(w http.ResponseWriter, r *http.Request) {
	u, ok := p.userOfToken(w, r, credentials.SignIn, r.FormValue("token"))
	if !ok {
		return
	}
	t, err := p.purpose(r)
	if err != nil {
		t = ticket{To: toHome}
	}
	v := p.loginView(r, t)
	v.Email, v.Token = u.Email, r.FormValue("token")
	p.show(w, r, http.StatusOK, "once", v)
}

func (p *Provider) loginOnce(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		t = ticket{To: toHome, IssuedAt: p.Now()}
	}
	token := r.PostFormValue("token")
	u, ok := p.userOfToken(w, r, credentials.SignIn, token)
	if !ok {
		return
	}
	if _, err := p.Credentials.Use(r.Context(), credentials.SignIn, token); err != nil {
		p.showBadLink(w, r, credentials.SignIn, err)
		return
	}
	if !u.Verified {
		if err := p.Acts.VerifyEmail(r.Context(), p.visitorOf(r, u.ID), u.ID); err != nil {
			p.showFailure(w, r, err)
			return
		}
	}
	p.enter(w, r, t, u, methodLink)
}

// userOfToken finds whom a link was sent to, or says why it leads nowhere.
func (p *Provider) userOfToken(w http.ResponseWriter, r *http.Request, purpose credentials.Purpose, token string) (users.User, bool) {
	if !p.allowedToTry(r.Context(), "links", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return users.User{}, false
	}
	one, err := p.Credentials.Peek(r.Context(), purpose, token)
	if err != nil {
		p.showBadLink(w, r, purpose, err)
		return users.User{}, false
	}
	u, err := p.Users.Get(r.Context(), one.Subject)
	if errors.Is(err, users.ErrNotFound) || err == nil && u.Status != users.StatusActive {
		p.showBadLink(w, r, purpose, credentials.ErrTokenUnknown)
		return u, false
	}
	if err != nil {
		p.showFailure(w, r, err)
		return u, false
	}
	return u, true
}

// showBadLink says why a link leads nowhere, and where there is another one.
func (p *Provider) showBadLink(w http.ResponseWriter, r *http.Request, purpose credentials.Purpose, err error) {
	text := "Look whether the whole address was copied. "
	switch {
	case errors.Is(err, credentials.ErrTokenUsed):
		text = "It has been used. "
	case errors.Is(err, credentials.ErrTokenExpired):
		text = "It is too old. "
	case errors.Is(err, credentials.ErrTokenUnknown), errors.Is(err, credentials.ErrMalformed):
	default:
		p.showFailure(w, r, err)
		return
	}
	link, linkText := pageLogin, "Sign in"
	switch purpose {
	case credentials.Invite:
		text += "If you have joined already, sign in; if not, ask whoever invited you for another invite."
	case credentials.ResetPassword:
		text += "Ask for a new one if you need it."
		link, linkText = pageForgot, "Ask for a new link"
	case credentials.VerifyEmail:
		text += "If your address is still not confirmed, ask for a new one on the page of your account."
		link, linkText = pageHome, "Your account"
	default:
		text += "Ask for a new one if you need it."
	}
	p.showWayOn(w, r, http.StatusBadRequest, "The link does not work", text, link, linkText)
}
