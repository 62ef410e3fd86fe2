package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/limits"
	"tansu.cloud/projections/readmodels/users"
)

// How somebody signed in; a session keeps it. A second factor is added to the
// first one's name. A program and a device that a browser has let in say so before
// how that browser was signed in.
const (
	methodPassword = "password"
	methodLink     = "link"
	methodInvite   = "invite"
	methodPasskey  = "passkey"
	methodExternal = "identity_provider" // of a tenant, which alone the session is good for
	withTOTP       = "+totp"
	withRecovery   = "+recovery_code"
	methodProgram  = "program:"
	methodDevice   = "device:"
)

// factorLife is how long somebody may look for the second factor.
const factorLife = 10 * time.Minute

// Codes have a million values, so few of them may be tried, from wherever. Only
// somebody with the first factor gets that far, so that strangers lock nobody out;
// and a browser in which the account was signed in before counts for itself, so
// that not even somebody with a stolen password does.
var (
	factorTries    = limits.Rate{Tokens: 10, Per: 15 * time.Minute, Burst: 10}
	factorDayTries = limits.Rate{Tokens: 50, Per: 24 * time.Hour, Burst: 50}
)

func (p *Provider) factorAllowed(ctx context.Context, user uuid.UUID, known bool) bool {
	who := user.String()
	if known {
		who += "/known"
	}
	return p.allowedToTry(ctx, "factor", who, factorTries) && p.allowedToTry(ctx, "factor-day", who, factorDayTries)
}

// half is somebody who has shown one factor of two.
type half struct {
	User       uuid.UUID `json:"u"`
	Method     string    `json:"m"`
	PasswordID string    `json:"p,omitempty"` // a new password voids what was begun with the old one
	At         time.Time `json:"at"`
}

// enter signs somebody in who has shown one factor, or asks for the second.
func (p *Provider) enter(w http.ResponseWriter, r *http.Request, t ticket, u users.User, method string) {
	if !u.HasTOTP() {
		p.enterFully(w, r, t, u, method)
		return
	}
	t.Half = &half{User: u.ID, Method: method, PasswordID: u.PasswordID, At: p.Now()}
	p.showSecond(w, r, http.StatusOK, t)
}

// enterFully signs somebody in and goes on with what they came for.
func (p *Provider) enterFully(w http.ResponseWriter, r *http.Request, t ticket, u users.User, method string) {
	t.Half = nil
	v, err := p.signIn(w, r, u, method, Confinement{})
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

func (p *Provider) showSecond(w http.ResponseWriter, r *http.Request, status int, t ticket, wrong ...problem) {
	p.show(w, r, status, "second", view{Title: "One more step", Request: p.seal(t), Errors: wrong, redirect: t.RedirectURI})
}

// loginSecond checks the second factor.
func (p *Provider) loginSecond(w http.ResponseWriter, r *http.Request) {
	t, err := p.unseal(r.PostFormValue("request"))
	if err != nil || t.Half == nil || p.Now().Sub(t.Half.At) > factorLife {
		p.showExpired(w, r)
		return
	}
	u, err := p.Users.Get(r.Context(), t.Half.User)
	if errors.Is(err, users.ErrNotFound) || err == nil && (u.Status != users.StatusActive || u.PasswordID != t.Half.PasswordID) {
		p.showExpired(w, r)
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if !p.factorAllowed(r.Context(), u.ID, p.knows(r, u.EmailIndex)) {
		p.showTooMany(w, r)
		return
	}
	added, right, err := p.checkSecond(r, u)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if !right {
		field, text := "code", "The code is not right, or has been used. Wait for the next one."
		if added == withRecovery {
			field, text = "recovery", "This is not a recovery code of yours, or it has been used."
		}
		p.showSecond(w, r, http.StatusUnauthorized, t, problem{field, text})
		return
	}
	p.enterFully(w, r, t, u, t.Half.Method+added)
}

// checkSecond reports whether the form has a recovery code or, without one, the
// code of the user's authenticator app.
func (p *Provider) checkSecond(r *http.Request, u users.User) (added string, right bool, err error) {
	if code := r.PostFormValue("recovery"); code != "" {
		set, err := uuid.Parse(u.RecoverySetID)
		if err != nil {
			return withRecovery, false, nil // there are none
		}
		right, err := p.Credentials.UseRecoveryCode(r.Context(), u.ID, set, code)
		return withRecovery, right, err
	}
	right, err = p.rightTOTP(r, u, r.PostFormValue("code"))
	return withTOTP, right, err
}

func (p *Provider) rightTOTP(r *http.Request, u users.User, code string) (bool, error) {
	id, err := uuid.Parse(u.TOTPID)
	if err != nil {
		return false, nil // there is none
	}
	return p.Credentials.VerifyTOTP(r.Context(), u.ID, id, code)
}
