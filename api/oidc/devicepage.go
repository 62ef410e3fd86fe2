package oidc

import (
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tansu.cloud/platform/grants"
)

// showDevice asks for the code, or goes on with the one in the address.
func (p *Provider) showDevice(w http.ResponseWriter, r *http.Request) {
	code := r.FormValue("user_code")
	if code == "" {
		p.show(w, r, http.StatusOK, "device", view{Title: "Sign a program in"})
		return
	}
	p.confirmDevice(w, r, code)
}

func (p *Provider) enterUserCode(w http.ResponseWriter, r *http.Request) {
	p.confirmDevice(w, r, r.PostFormValue("user_code"))
}

// device finds who waits for a code. Codes are short, so guesses are counted.
func (p *Provider) device(w http.ResponseWriter, r *http.Request, code string) (d grants.Device, v *visit, ok bool) {
	v, err := p.visitor(r)
	if err != nil {
		p.showFailure(w, r, err)
		return d, nil, false
	}
	if v == nil {
		if len(code) > 20 {
			code = ""
		}
		p.arrive(w, r, ticket{To: toDevice, IssuedAt: p.Now(), Text: code}, nil)
		return d, nil, false
	}
	if !p.allowedToTry(r.Context(), "user-code", v.user.ID.String(), userCodeTries) ||
		!p.allowedToTry(r.Context(), "user-code-address", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return d, nil, false
	}
	d, err = p.Grants.DeviceByUserCode(r.Context(), code)
	if err == nil && !d.Pending {
		err = grants.ErrUnknown
	}
	if errors.Is(err, grants.ErrUnknown) {
		p.showNoSuchCode(w, r)
		return d, nil, false
	}
	if err != nil {
		p.showFailure(w, r, err)
		return d, nil, false
	}
	return d, v, true
}

func (p *Provider) showNoSuchCode(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusUnprocessableEntity, "device", view{Title: "Sign a program in", Errors: []problem{{"user_code", "There is no such code, or it is too old. Begin again in your program."}}})
}

func (p *Provider) confirmDevice(w http.ResponseWriter, r *http.Request, code string) {
	if d, v, ok := p.device(w, r, code); ok {
		p.askDevice(w, r, d, v, code)
	}
}

func (p *Provider) askDevice(w http.ResponseWriter, r *http.Request, d grants.Device, v *visit, code string, wrong ...problem) {
	c, err := p.client(r.Context(), d.ClientID)
	if errors.Is(err, errNoClient) {
		p.showError(w, r, http.StatusBadRequest, "The program is not registered here any more.")
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	choices, err := p.tenants(r, v)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if len(choices) == 0 {
		p.showError(w, r, http.StatusForbidden, "You are not a member of any tenant yet. Ask for an invite.")
		return
	}
	status := http.StatusOK
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	p.show(w, r, status, "approve", view{
		Title: "Sign this program in?", Client: c.name, Email: v.called(), UserCode: code, Address: d.Address,
		Scopes: texts(d.Scope), Tenants: choices, Errors: wrong,
	})
}

// decideDevice lets a program have tokens, in a session of its own, so that
// signing out here does not end what runs there.
func (p *Provider) decideDevice(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("user_code")
	d, v, ok := p.device(w, r, code)
	if !ok {
		return
	}
	if r.PostFormValue("decision") != "allow" {
		if err := p.Grants.DenyDevice(r.Context(), d); err != nil && !errors.Is(err, grants.ErrUnknown) {
			p.showFailure(w, r, err)
			return
		}
		p.showMessage(w, r, http.StatusOK, "The program was refused", "It has no access. You can close this page.")
		return
	}
	choices, err := p.tenants(r, v)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	chosen := r.PostFormValue("tenant")
	tenant, err := uuid.Parse(chosen)
	if err != nil || !slices.ContainsFunc(choices, func(c tenantChoice) bool { return c.ID == tenant.String() }) {
		p.askDevice(w, r, d, v, code, problem{"tenant", "Choose one of the tenants."})
		return
	}
	session, err := p.startSession(r, v.user.ID, methodDevice+v.method, v.confined)
	if err == nil {
		err = p.unchanged(r.Context(), v.user)
	}
	if err == nil {
		err = p.Grants.ApproveDevice(r.Context(), d, grants.Approval{
			ClientID: d.ClientID, User: v.user.ID, Session: session, MemberOf: tenant, Scope: d.Scope, AuthTime: v.session.AuthTime,
			Agreed: append(slices.Clone(d.Scope), siteDevice),
		})
	}
	if err != nil {
		left := p.Acts.EndSession(r.Context(), p.visitorOf(r, v.user.ID), session, "not approved")
		if left != nil || !errors.Is(err, grants.ErrUnknown) && !errors.Is(err, errSignedOut) {
			p.showFailure(w, r, errors.Join(err, left))
			return
		}
		p.showNoSuchCode(w, r) // somebody has decided meanwhile
		return
	}
	p.showMessage(w, r, http.StatusOK, "The program is signed in", "Go back to it. You can close this page.")
}
