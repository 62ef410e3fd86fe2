package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
)

func (p *Provider) showHome(w http.ResponseWriter, r *http.Request) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if v == nil {
		http.Redirect(w, r, pageLogin, http.StatusSeeOther)
		return
	}
	p.show(w, r, http.StatusOK, "home", view{Title: "Your account", Email: v.called(), Verified: v.user.Verified || v.user.Email == ""})
}

// endSessionEndpoint is where clients send users who sign out (OpenID Connect
// RP-Initiated Logout). A client that shows an ID token of this very session is
// believed; in all other cases, also when the token is too old to be verified, the
// user is asked. The way back leads only to where the client has registered.
func (p *Provider) endSessionEndpoint(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.showError(w, r, http.StatusBadRequest, "The application sent a request that cannot be read.")
		return
	}
	if _, bad := repeated(r.Form); bad {
		p.showError(w, r, http.StatusBadRequest, "The application sent a parameter twice.")
		return
	}
	hint, hinted := p.hint(r.Context(), r.Form.Get("id_token_hint"))
	back, ok := p.wayBack(w, r, hint, hinted)
	if !ok {
		return
	}
	if r.Method == http.MethodPost {
		// As with authorization, a post from elsewhere comes without our cookies.
		http.Redirect(w, r, endpointEndSession+"?"+r.Form.Encode(), http.StatusSeeOther)
		return
	}
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	switch {
	case v == nil:
		p.leave(w, r, back)
	case hinted && hint.SessionID == v.session.ID.String():
		p.leaveSession(w, r, v, back)
	default:
		p.show(w, r, http.StatusOK, "signout", view{
			Title: "Sign out?", Email: v.called(), redirect: back,
			Request: p.seal(ticket{To: toLogout, IssuedAt: p.Now(), RedirectURI: back}),
		})
	}
}

// wayBack returns where to go after signing out, empty if the client named no address.
func (p *Provider) wayBack(w http.ResponseWriter, r *http.Request, hint idClaims, hinted bool) (back string, ok bool) {
	id := r.Form.Get("client_id")
	if hinted && id != "" && id != hint.Audience {
		p.showError(w, r, http.StatusBadRequest, "The application sent an ID token that is not its own.")
		return "", false
	}
	if hinted {
		id = hint.Audience
	}
	back = r.Form.Get("post_logout_redirect_uri")
	if back == "" {
		return "", true
	}
	c, err := p.client(r.Context(), id)
	if err != nil && !errors.Is(err, errNoClient) {
		p.showFailure(w, r, err)
		return "", false
	}
	if err != nil || !slices.Contains(c.postLogout, back) {
		p.showError(w, r, http.StatusBadRequest, "The application wants you to be sent to an address that is not registered for it.")
		return "", false
	}
	if state := r.Form.Get("state"); state != "" && len(state) <= maxState {
		back = withQuery(back, url.Values{"state": {state}})
	}
	return back, true
}

func (p *Provider) leaveSession(w http.ResponseWriter, r *http.Request, v *visit, back string) {
	if err := p.endSession(r, v, "signed out"); err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.leave(w, r, back)
}

func (p *Provider) leave(w http.ResponseWriter, r *http.Request, back string) {
	p.dropCookie(w, "session")
	if back == "" {
		back = pageLoggedOut
	}
	pageHeaders(w.Header())
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (p *Provider) showSignOut(w http.ResponseWriter, r *http.Request) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if v == nil {
		p.leave(w, r, "")
		return
	}
	p.show(w, r, http.StatusOK, "signout", view{Title: "Sign out?", Email: v.called()})
}

// signOut ends the session. A ticket says where to go then: back to a client, or
// to sign in again for what is under way.
func (p *Provider) signOut(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		t = ticket{To: toHome}
	}
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	back := ""
	switch t.To {
	case toLogout:
		back = t.RedirectURI
	case toAuthorize:
		back = pageLogin + "?request=" + p.seal(t)
	case toInvite:
		back = pageInvite + "?token=" + t.Text
	}
	if v == nil {
		p.leave(w, r, back)
		return
	}
	p.leaveSession(w, r, v, back)
}

func (p *Provider) showLoggedOut(w http.ResponseWriter, r *http.Request) {
	p.showWayOn(w, r, http.StatusOK, "You are signed out", "You can close this page.", pageLogin, "Sign in again")
}
