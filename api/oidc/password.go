package oidc

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

func (p *Provider) showForgot(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "forgot", view{Title: "Forgot your password?"})
}

func (p *Provider) sendReset(w http.ResponseWriter, r *http.Request) {
	typed := r.PostFormValue("email")
	email, wrong := user.NormaliseEmail(typed)
	if len(wrong) > 0 {
		p.show(w, r, http.StatusUnprocessableEntity, "forgot", view{Title: "Forgot your password?", Email: typed, Errors: []problem{{"email", notAnAddress}}})
		return
	}
	p.promiseMail(w, r, email, credentials.ResetPassword, pageReset, nil, resetLife)
}

func (p *Provider) showReset(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	if u, ok := p.userOfToken(w, r, credentials.ResetPassword, token); ok {
		p.show(w, r, http.StatusOK, "reset", view{Title: "Choose a new password", Token: token, Email: u.Email})
	}
}

// resetPassword sets a password and ends all sessions: whoever had the old one
// may still be in.
func (p *Provider) resetPassword(w http.ResponseWriter, r *http.Request) {
	token, password := r.PostFormValue("token"), r.PostFormValue("password")
	u, ok := p.userOfToken(w, r, credentials.ResetPassword, token)
	if !ok {
		return
	}
	if wrong := passwordProblems(password, u.Email, u.Name); len(wrong) > 0 {
		p.show(w, r, http.StatusUnprocessableEntity, "reset", view{Title: "Choose a new password", Token: token, Email: u.Email, Errors: wrong})
		return
	}
	if _, err := p.Credentials.Use(r.Context(), credentials.ResetPassword, token); err != nil {
		p.showBadLink(w, r, credentials.ResetPassword, err)
		return
	}
	if err := p.replacePassword(r, u, password); err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.dropCookie(w, "session")
	p.showWayOn(w, r, http.StatusOK, "The password is set", "You were signed out everywhere.", pageLogin, "Sign in")
}

// replacePassword does at once what must hold when the page is shown, also if it
// is not known whether the password was set: it may have been. Sagas do the same,
// for a process that dies in between.
func (p *Provider) replacePassword(r *http.Request, u users.User, password string) error {
	ctx, cancel := finishing(r.Context())
	defer cancel()
	v := p.visitorOf(r, u.ID)
	faults := []error{p.setPassword(r.WithContext(ctx), u.ID, password)}
	if !u.Verified {
		faults = append(faults, p.Acts.VerifyEmail(ctx, v, u.ID))
	}
	faults = append(faults,
		p.Credentials.Revoke(ctx, credentials.ResetPassword, uuid.Nil, u.ID),
		p.Grants.RevokeUser(ctx, u.ID, "password reset"))
	p.refreshRevocations(ctx)
	live, err := p.Users.Sessions(ctx, u.ID)
	faults = append(faults, err)
	for _, s := range live {
		faults = append(faults, p.Acts.EndSession(ctx, v, s.ID, "password reset"))
	}
	return errors.Join(faults...)
}

// setPassword stores a password, then the event that names it.
func (p *Provider) setPassword(r *http.Request, user uuid.UUID, password string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if err := p.Credentials.SetPassword(r.Context(), user, id, password); err != nil {
		return err
	}
	if err := p.Acts.SetPassword(r.Context(), p.visitorOf(r, user), user, id); err != nil {
		return unlessNamed(err, func() error { return p.Credentials.DropPassword(r.Context(), user, id) })
	}
	return nil
}

func passwordProblems(password string, personal ...string) []problem {
	var wrong []problem
	for _, found := range credentials.CheckPassword(password, personal...) {
		wrong = append(wrong, problem{"password", found.Message})
	}
	return wrong
}

func (p *Provider) showVerify(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	if u, ok := p.userOfToken(w, r, credentials.VerifyEmail, token); ok {
		p.show(w, r, http.StatusOK, "verify", view{Title: "Confirm your address", Token: token, Email: u.Email})
	}
}

func (p *Provider) verifyEmail(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	u, ok := p.userOfToken(w, r, credentials.VerifyEmail, token)
	if !ok {
		return
	}
	if _, err := p.Credentials.Use(r.Context(), credentials.VerifyEmail, token); err != nil {
		p.showBadLink(w, r, credentials.VerifyEmail, err)
		return
	}
	if err := p.Acts.VerifyEmail(r.Context(), p.visitorOf(r, u.ID), u.ID); err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.showWayOn(w, r, http.StatusOK, "Your address is confirmed", "You can close this page.", pageHome, "Your account")
}

func (p *Provider) sendVerification(w http.ResponseWriter, r *http.Request) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if v == nil || v.user.Email == "" {
		p.arrive(w, r, ticket{To: toHome, IssuedAt: p.Now()}, v)
		return
	}
	p.promiseMail(w, r, v.user.Email, credentials.VerifyEmail, pageVerify, nil, verifyLife)
}
