package oidc

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/projections/readmodels/users"
)

// freshFor is how old a sign-in may be to change what signs in: a browser that was
// left alone does not let strangers make themselves at home.
const freshFor = 15 * time.Minute

const toSecurity = "security"

// security is what the page about signing in shows.
type security struct {
	TOTP      bool
	CodesLeft int
	Passkeys  []passkeyRow
	Here      bool // passkeys work here
	Sessions  []sessionRow

	Identities   []identityRow
	Offers       []identityOffer
	Applications []applicationRow
}

type passkeyRow struct {
	ID, Name, Added, Used string
	Cloned                bool
}

type sessionRow struct {
	ID, Method, Address, UserAgent, Started string
	Current                                 bool
}

// here returns who is signed in, and sends everybody else to the login page.
func (p *Provider) here(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return nil, false
	}
	if v == nil {
		p.signInFor(w, r, "")
		return nil, false
	}
	if v.isConfined() {
		p.showConfined(w, r)
		return nil, false
	}
	return v, true
}

// showConfined refuses what is about an account to somebody for whom a tenant's
// identity provider vouched: whoever controls that could vouch for anybody.
func (p *Provider) showConfined(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusForbidden, "message", view{
		Title: "This needs your own sign-in",
		Text: "You are signed in through your organisation, which is good for its own tenant only. To change your account, sign in with your own password or passkey. " +
			"If you have none, ask for a new password by e-mail.",
		Link: pageLogin + "?request=" + p.seal(ticket{To: toSecurity, IssuedAt: p.Now()}), LinkText: "Sign in with your own password or passkey",
	})
}

// fresh is here for those who have signed in just now.
func (p *Provider) fresh(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	v, ok := p.here(w, r)
	if ok && p.Now().Sub(v.session.AuthTime) > freshFor {
		p.signInFor(w, r, v.user.Email)
		return nil, false
	}
	return v, ok
}

func (p *Provider) signInFor(w http.ResponseWriter, r *http.Request, email string) {
	t := ticket{To: toSecurity, IssuedAt: p.Now(), LoginHint: email}
	http.Redirect(w, r, pageLogin+"?request="+p.seal(t), http.StatusSeeOther)
}

func (p *Provider) showSecurity(w http.ResponseWriter, r *http.Request) {
	if v, ok := p.here(w, r); ok {
		p.showSecurityOf(w, r, http.StatusOK, v)
	}
}

func (p *Provider) showSecurityOf(w http.ResponseWriter, r *http.Request, status int, v *visit, wrong ...problem) {
	s, c, err := p.securityOf(r, v)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.show(w, r, status, "security", view{Title: "Signing in", Email: v.user.Email, Errors: wrong, Security: s, Ceremony: c})
}

func (p *Provider) securityOf(r *http.Request, v *visit) (*security, *ceremony, error) {
	s := &security{TOTP: v.user.HasTOTP(), Here: p.passkeys != nil}
	var err error
	if set, none := uuid.Parse(v.user.RecoverySetID); none == nil {
		if s.CodesLeft, err = p.Credentials.RecoveryCodesLeft(r.Context(), v.user.ID, set); err != nil {
			return nil, nil, err
		}
	}
	owner, err := p.passkeyOwner(r, v.user)
	if err != nil {
		return nil, nil, err
	}
	s.Passkeys = passkeyRows(v.user, owner)
	live, err := p.Users.Sessions(r.Context(), v.user.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, one := range live {
		s.Sessions = append(s.Sessions, sessionRow{
			ID: one.ID.String(), Method: methodText(one.Method), Address: one.Address, UserAgent: browserText(one.UserAgent),
			Started: shown(one.StartedAt), Current: one.ID == v.session.ID,
		})
	}
	if s.Identities, s.Offers, err = p.identitiesOf(r, v); err != nil {
		return nil, nil, err
	}
	if s.Applications, err = p.applicationsOf(r, v); err != nil {
		return nil, nil, err
	}
	c, err := p.addCeremony(owner)
	return s, c, err
}

func passkeyRows(u users.User, owner passkeyOwner) []passkeyRow {
	rows := make([]passkeyRow, 0, len(u.Passkeys))
	for _, k := range u.Passkeys {
		row := passkeyRow{ID: k.ID, Name: k.Name, Added: shown(k.AddedAt)}
		for _, stored := range owner.keys {
			if stored.ID.String() == k.ID {
				row.Cloned = stored.Cloned
				if !stored.LastUsedAt.IsZero() {
					row.Used = shown(stored.LastUsedAt)
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func shown(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

var methodTexts = map[string]string{
	methodPassword:                "with the password",
	methodPassword + withTOTP:     "with the password and a code",
	methodPassword + withRecovery: "with the password and a recovery code",
	methodLink:                    "by a link",
	methodLink + withTOTP:         "by a link, with a code",
	methodLink + withRecovery:     "by a link, with a recovery code",
	methodInvite:                  "by an invite",
	methodPasskey:                 "with a passkey",
	methodExternal:                "through the identity provider of a tenant",
}

func methodText(method string) string {
	prefix := ""
	if of, is := strings.CutPrefix(method, methodProgram); is {
		prefix, method = "a program, from a browser signed in ", of
	} else if of, is := strings.CutPrefix(method, methodDevice); is {
		prefix, method = "a device, from a browser signed in ", of
	}
	if text, known := methodTexts[method]; known {
		return prefix + text
	}
	return prefix + method
}

// toSecurityPage ends a change.
func (p *Provider) toSecurityPage(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	http.Redirect(w, r, pageSecurity, http.StatusSeeOther)
}

// revokeSession ends one of the visitor's own sessions.
func (p *Provider) revokeSession(w http.ResponseWriter, r *http.Request) {
	v, ok := p.here(w, r)
	if !ok {
		return
	}
	id, err := uuid.Parse(r.PostFormValue("session"))
	if err != nil {
		p.toSecurityPage(w, r, nil)
		return
	}
	s, err := p.Users.Session(r.Context(), id)
	switch {
	case errors.Is(err, users.ErrNotFound), err == nil && (s.UserID != v.user.ID || !s.Live()):
		err = nil // nothing of the visitor's to end
	case err == nil:
		err = p.end(r.Context(), p.visitorOf(r, v.user.ID), id, "signed out from elsewhere")
	}
	p.toSecurityPage(w, r, err)
}
