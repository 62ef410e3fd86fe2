package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/middleware"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

const (
	sessionIdle     = 14 * 24 * time.Hour
	sessionAbsolute = 90 * 24 * time.Hour
	// knownFor is how long a browser counts as one in which an account was signed in.
	knownFor = 180 * 24 * time.Hour
)

// visit is what a page knows about its visitor.
type visit struct {
	user    users.User
	session credentials.BrowserSession
	method  string // how they signed in
	// confined says that somebody else vouched for them, for one tenant.
	confined Confinement
}

// isConfined reports whether the visitor may do in that tenant what they may, and
// nothing about their account.
func (v *visit) isConfined() bool { return v.confined != Confinement{} }

// called is the visitor's address, or their name if they have none.
func (v *visit) called() string {
	if v.user.Email == "" {
		return v.user.Name
	}
	return v.user.Email
}

// visitor returns who is signed in in this browser, nil if nobody.
func (p *Provider) visitor(r *http.Request) (*visit, error) {
	cookie, err := r.Cookie(p.cookieName("session"))
	if err != nil {
		return nil, nil
	}
	session, err := p.Credentials.SessionByToken(r.Context(), cookie.Value)
	if errors.Is(err, credentials.ErrSessionUnknown) || errors.Is(err, credentials.ErrMalformed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	user, current, err := p.signedIn(r.Context(), session.User, session.ID)
	if errors.Is(err, errNotActive) || errors.Is(err, errSignedOut) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &visit{user, session, current.Method, Confinement{current.ConfinedTo, current.ProviderID}}, nil
}

func (p *Provider) visitorOf(r *http.Request, user uuid.UUID) Visitor {
	agent := []rune(r.UserAgent())
	return Visitor{
		Actor: "user:" + user.String(), Address: p.Address(r), UserAgent: string(agent[:min(len(agent), 300)]),
		CorrelationID: middleware.From(r.Context()).RequestID,
	}
}

// signIn starts a session in this browser, under a new cookie, and ends the one
// that was there.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request, user users.User, method string, c Confinement) (*visit, error) {
	before, err := p.visitor(r)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if err := p.endSession(r, before, "signed in again"); err != nil {
			return nil, err
		}
	}
	id, err := p.startSession(r, user.ID, method, c)
	if err != nil {
		return nil, err
	}
	token, err := p.Credentials.OpenSession(r.Context(), id, user.ID, sessionIdle, sessionAbsolute)
	if err != nil {
		return nil, err
	}
	if err := p.unchanged(r.Context(), user); err != nil {
		return nil, errors.Join(err, p.end(r.Context(), p.visitorOf(r, user.ID), id, overtaken))
	}
	p.setCookie(w, "session", token, sessionAbsolute)
	if c == (Confinement{}) {
		p.setCookie(w, "known", p.seal(ticket{To: "known", IssuedAt: p.Now(), Text: user.EmailIndex}), knownFor)
	}
	session, err := p.Credentials.SessionByToken(r.Context(), token)
	return &visit{user, session, method, c}, err
}

// startSession begins a session. One that comes from another is as confined as
// that.
func (p *Provider) startSession(r *http.Request, user uuid.UUID, method string, c Confinement) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	return id, p.Acts.StartSession(r.Context(), p.visitorOf(r, user), id, user, method, c)
}

// overtaken is why a session ends that has just begun.
const overtaken = "the password was changed meanwhile"

// unchanged is asked when a session has begun: who signed in before a new password
// counted, or before they were disabled, is let in no longer, for whoever ended
// their sessions then did not see this one. errSignedOut says so.
func (p *Provider) unchanged(ctx context.Context, before users.User) error {
	now, err := p.Users.Get(ctx, before.ID)
	if errors.Is(err, users.ErrNotFound) || err == nil && (now.Status != users.StatusActive || now.PasswordID != before.PasswordID) {
		return errSignedOut
	}
	return err
}

// finishTime bounds what goes on after its visitor went away.
const finishTime = 30 * time.Second

// finishing is for what must not stop half-way because its visitor closes the page.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), finishTime)
}

// endSession ends a session with all that was granted in it. The grants would be
// revoked without us, by a saga; here it is done so that nothing of them holds any
// more when the page is shown.
func (p *Provider) endSession(r *http.Request, v *visit, reason string) error {
	return p.end(r.Context(), p.visitorOf(r, v.user.ID), v.session.ID, reason)
}

func (p *Provider) end(ctx context.Context, v Visitor, session uuid.UUID, reason string) error {
	ctx, cancel := finishing(ctx)
	defer cancel()
	err := errors.Join(
		p.Grants.RevokeSession(ctx, session, reason),
		p.Acts.EndSession(ctx, v, session, reason),
	)
	p.refreshRevocations(ctx)
	return err
}

// knows reports whether an account was signed in before in this browser.
func (p *Provider) knows(r *http.Request, emailIndex string) bool {
	cookie, err := r.Cookie(p.cookieName("known"))
	if err != nil {
		return false
	}
	t, err := p.unsealWithin(cookie.Value, knownFor)
	return err == nil && t.To == "known" && subtle.ConstantTimeCompare([]byte(t.Text), []byte(emailIndex)) == 1
}

// cookieName has the prefix that binds a cookie to this host and https.
func (p *Provider) cookieName(what string) string {
	if p.Config.Secure {
		return "__Host-tansu_" + what
	}
	return "tansu_" + what
}

func (p *Provider) setCookie(w http.ResponseWriter, what, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(what), Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: p.Config.Secure, SameSite: http.SameSiteLaxMode,
	})
}

func (p *Provider) dropCookie(w http.ResponseWriter, what string) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(what), Path: "/", MaxAge: -1, HttpOnly: true, Secure: p.Config.Secure, SameSite: http.SameSiteLaxMode,
	})
}
