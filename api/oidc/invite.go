package oidc

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

const maxName = 200

// invitation is an invite as its holder meets it.
type invitation struct {
	tenant uuid.UUID
	name   string // of the tenant
	invite access.Invite
	user   *users.User // who has the address already
	visit  *visit
}

// How somebody can take an invite up.
const (
	inviteRegister = "register" // there is no account with the address
	inviteSignIn   = "sign-in"  // there is one
	inviteAccept   = "accept"   // and it is signed in
	inviteOther    = "other"    // somebody else is
)

func (i invitation) mode() string {
	switch {
	case i.visit != nil && i.visit.user.EmailIndex == i.invite.EmailIndex:
		return inviteAccept
	case i.visit != nil:
		return inviteOther
	case i.user != nil:
		return inviteSignIn
	}
	return inviteRegister
}

// invitation finds the invite of a link, or says why it leads nowhere.
func (p *Provider) invitation(w http.ResponseWriter, r *http.Request, token string) (i invitation, ok bool) {
	if !p.allowedToTry(r.Context(), "links", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return i, false
	}
	one, err := p.Credentials.Peek(r.Context(), credentials.Invite, token)
	if err != nil {
		p.showBadLink(w, r, credentials.Invite, err)
		return i, false
	}
	i.tenant = one.Tenant
	if i.invite, err = p.Access.Invite(tenantscope.Within(r.Context(), one.Tenant), one.Tenant, one.Subject); err == nil {
		switch {
		case i.invite.Status != access.InviteOpen || i.invite.TokenID != one.ID.String():
			err = credentials.ErrTokenUnknown
		case !p.Now().Before(i.invite.ExpiresAt):
			err = credentials.ErrTokenExpired
		}
	} else if errors.Is(err, access.ErrNotFound) {
		err = credentials.ErrTokenUnknown
	}
	if err != nil {
		p.showBadLink(w, r, credentials.Invite, err)
		return i, false
	}
	if err := p.meet(r, &i); err != nil {
		p.showFailure(w, r, err)
		return i, false
	}
	return i, true
}

func (p *Provider) meet(r *http.Request, i *invitation) (err error) {
	if i.name, err = p.tenantName(r, i.tenant); err != nil {
		return err
	}
	if i.visit, err = p.visitor(r); err != nil {
		return err
	}
	if i.visit != nil && i.visit.isConfined() {
		i.visit = nil // joining a tenant is for those who have shown themselves who they are
	}
	owner, err := p.Users.ByEmailIndex(r.Context(), i.invite.EmailIndex)
	if errors.Is(err, users.ErrNotFound) {
		return nil
	}
	i.user = &owner
	return err
}

func (p *Provider) inviteView(i invitation, token string) view {
	v := view{
		Title: "Join " + i.name, Tenant: i.name, Role: strings.Join(i.invite.Roles, ", "), Email: i.invite.Email, Mode: i.mode(), Token: token,
	}
	back := p.seal(ticket{To: toInvite, IssuedAt: p.Now(), Text: token, LoginHint: i.invite.Email})
	switch v.Mode {
	case inviteSignIn:
		v.Link = pageLogin + "?request=" + back
	case inviteOther:
		v.Request = back
	}
	return v
}

func (p *Provider) showInvite(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	if i, ok := p.invitation(w, r, token); ok {
		p.show(w, r, http.StatusOK, "invite", p.inviteView(i, token))
	}
}

// acceptInvite registers whoever has no account yet, and makes them a member.
// The invite itself sees to it that it is accepted once.
func (p *Provider) acceptInvite(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	i, ok := p.invitation(w, r, token)
	if !ok {
		return
	}
	var member users.User
	switch i.mode() {
	case inviteAccept:
		member = i.visit.user
	case inviteRegister:
		if member, ok = p.registerInvited(w, r, i, token); !ok {
			return
		}
	default:
		p.show(w, r, http.StatusConflict, "invite", p.inviteView(i, token))
		return
	}
	if err := p.Acts.AcceptInvite(r.Context(), p.visitorOf(r, member.ID), i.tenant, i.invite.ID, member.ID); err != nil {
		p.showDeclined(w, r, err)
		return
	}
	if _, err := p.Credentials.Use(r.Context(), credentials.Invite, token); err != nil {
		p.Logger.WarnContext(r.Context(), "oidc: the token of an accepted invite was not used up", "error", err)
	}
	if i.visit == nil {
		if _, err := p.signIn(w, r, member, methodInvite, Confinement{}); err != nil {
			p.showFailure(w, r, err)
			return
		}
	}
	p.showWayOn(w, r, http.StatusOK, "Welcome to "+i.name, "You are a member now, and signed in here. Go to the application that you want to use, or close this page.", pageHome, "Your account")
}

// registerInvited makes the account that an invite is for. The link came by mail,
// so the address is theirs.
func (p *Provider) registerInvited(w http.ResponseWriter, r *http.Request, i invitation, token string) (users.User, bool) {
	name, password := strings.TrimSpace(r.PostFormValue("name")), r.PostFormValue("password")
	wrong := passwordProblems(password, i.invite.Email, name)
	if name == "" || utf8.RuneCountInString(name) > maxName {
		wrong = append([]problem{{"name", "Say what you want to be called, in at most 200 letters."}}, wrong...)
	}
	if len(wrong) > 0 {
		v := p.inviteView(i, token)
		v.Name, v.Errors = name, wrong
		p.show(w, r, http.StatusUnprocessableEntity, "invite", v)
		return users.User{}, false
	}
	member, err := p.register(r, Registration{Email: i.invite.Email, Name: name, Verified: true}, password)
	if err != nil {
		p.showDeclined(w, r, err)
		return member, false
	}
	return member, true
}

// showDeclined tells what the domain says against taking an invite up: somebody has
// done so already, or the tenant is full.
func (p *Provider) showDeclined(w http.ResponseWriter, r *http.Request, err error) {
	refusal := (*domain.Error)(nil)
	if !errors.As(err, &refusal) {
		p.showFailure(w, r, err)
		return
	}
	p.showMessage(w, r, http.StatusConflict, "You cannot join", "The invite was refused: "+refusal.Message+".")
}

func (p *Provider) register(r *http.Request, n Registration, password string) (users.User, error) {
	var none users.User
	var err error
	if n.User, err = uuid.NewV7(); err != nil {
		return none, err
	}
	if n.PasswordID, err = uuid.NewV7(); err != nil {
		return none, err
	}
	ctx := r.Context()
	if err := p.Credentials.SetPassword(ctx, n.User, n.PasswordID, password); err != nil {
		return none, err
	}
	if err := p.Acts.Register(ctx, p.visitorOf(r, n.User), n); err != nil {
		return none, unlessNamed(err, func() error { return p.Credentials.DropPassword(ctx, n.User, n.PasswordID) })
	}
	return p.Users.Get(ctx, n.User)
}
