package oidc

import (
	"encoding/base32"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"tansu.cloud/domain"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

const toTOTP = "totp"

// beginTOTP shows a new secret for an authenticator app. Nothing is stored until
// the app has shown that it has it.
func (p *Provider) beginTOTP(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	if v.user.HasTOTP() {
		p.toSecurityPage(w, r, nil)
		return
	}
	p.showTOTP(w, r, http.StatusOK, v, credentials.NewTOTPSecret())
}

func (p *Provider) showTOTP(w http.ResponseWriter, r *http.Request, status int, v *visit, secret string, wrong ...problem) {
	code, err := p.totpCode(v.user, secret)
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.show(w, r, status, "totp", view{
		Title: "Set up an authenticator app", Email: v.user.Email, Errors: wrong, QR: &code, Text: grouped(secret),
		Request: p.seal(ticket{To: toTOTP, IssuedAt: p.Now(), Subject: v.user.ID, Text: secret}),
	})
}

// totpCode draws what an app reads, in the form that all of them know.
func (p *Provider) totpCode(u users.User, secret string) (qrCode, error) {
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		return qrCode{}, err
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return qrCode{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: "Tansu " + strings.ReplaceAll(issuer.Hostname(), ":", "."), AccountName: u.Email, Secret: raw,
	})
	if err != nil {
		return qrCode{}, err
	}
	return drawQR(key.URL())
}

// grouped makes a secret easier to copy by hand.
func grouped(secret string) string {
	var parts []string
	for ; len(secret) > 4; secret = secret[4:] {
		parts = append(parts, secret[:4])
	}
	return strings.Join(append(parts, secret), " ")
}

// enableTOTP turns codes on when the app has shown a right one.
func (p *Provider) enableTOTP(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	t, err := p.unseal(r.PostFormValue("request"))
	if err != nil || t.To != toTOTP || t.Subject != v.user.ID {
		p.showExpired(w, r)
		return
	}
	if !p.factorAllowed(r.Context(), v.user.ID, true) {
		p.showTooMany(w, r)
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	stored, err := p.Credentials.StoreTOTP(r.Context(), v.user.ID, id, t.Text, r.PostFormValue("code"))
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if !stored {
		p.showTOTP(w, r, http.StatusUnprocessableEntity, v, t.Text, problem{"code", "The code is not right. Look whether the clock of your device is, and wait for the next code."})
		return
	}
	p.makeCodes(w, r, v, func(set uuid.UUID) error {
		err := p.Acts.EnableTOTP(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, id, set)
		if err != nil {
			return unlessNamed(err, func() error { return p.Credentials.DropTOTP(r.Context(), v.user.ID, id) })
		}
		return err
	})
}

// newCodes replaces the recovery codes.
func (p *Provider) newCodes(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	p.makeCodes(w, r, v, func(set uuid.UUID) error {
		return p.Acts.MakeRecoveryCodes(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, set)
	})
}

// makeCodes stores recovery codes, has an act name them, and shows them: now and
// never again.
func (p *Provider) makeCodes(w http.ResponseWriter, r *http.Request, v *visit, act func(set uuid.UUID) error) {
	set, err := uuid.NewV7()
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	codes := credentials.NewRecoveryCodes()
	if err := p.Credentials.StoreRecoveryCodes(r.Context(), v.user.ID, set, codes); err != nil {
		p.showFailure(w, r, err)
		return
	}
	if err := act(set); err != nil {
		p.showRefusal(w, r, v, unlessNamed(err, func() error { return p.Credentials.DropRecoveryCodes(r.Context(), v.user.ID, set) }))
		return
	}
	p.show(w, r, http.StatusOK, "codes", view{Title: "Your recovery codes", Codes: codes})
}

// unlessNamed drops what was stored for an act that was refused. After any other
// error an event may name it, and the user would be asked for what is gone; if none
// does, it goes by itself.
func unlessNamed(err error, drop func() error) error {
	if refusal := (*domain.Error)(nil); errors.As(err, &refusal) {
		return errors.Join(err, drop())
	}
	return err
}

// showRefusal tells what the domain says against a change.
func (p *Provider) showRefusal(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	refusal := (*domain.Error)(nil)
	if !errors.As(err, &refusal) {
		p.showFailure(w, r, err)
		return
	}
	text := refusal.Message
	if len(refusal.Fields) > 0 {
		text = "The name " + refusal.Fields[0].Message + "."
	}
	p.showSecurityOf(w, r, http.StatusUnprocessableEntity, v, problem{Message: text})
}

var codeForm = regexp.MustCompile(`^[0-9]{3} ?[0-9]{3}$`)

// disableTOTP turns codes off for somebody who shows the password or a code again.
func (p *Provider) disableTOTP(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	if !p.factorAllowed(r.Context(), v.user.ID, true) {
		p.showTooMany(w, r)
		return
	}
	right, err := p.rightProof(r, v.user, r.PostFormValue("proof"))
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if !right {
		p.showSecurityOf(w, r, http.StatusUnauthorized, v, problem{"proof", "This is neither your password nor a code that has not been used."})
		return
	}
	p.toSecurityPage(w, r, p.Acts.DisableTOTP(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID))
}

func (p *Provider) rightProof(r *http.Request, u users.User, proof string) (bool, error) {
	if codeForm.MatchString(proof) {
		return p.rightTOTP(r, u, proof)
	}
	_, err := p.accountFor(r, u.EmailIndex, proof)
	if errors.Is(err, errNotActive) {
		return false, nil
	}
	return err == nil, err
}

// addPasskey stores a key that the browser has made, then the event that names it.
func (p *Provider) addPasskey(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	id, err := p.storePasskey(r, v.user)
	if errors.Is(err, errPasskey) {
		p.Logger.InfoContext(r.Context(), "oidc: a passkey was refused", "error", err)
		p.showSecurityOf(w, r, http.StatusUnprocessableEntity, v, problem{"name", "The passkey was not accepted. Try again."})
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	if err := p.Acts.AddPasskey(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, id, r.PostFormValue("name")); err != nil {
		p.showRefusal(w, r, v, unlessNamed(err, func() error { return p.Credentials.DropPasskey(r.Context(), v.user.ID, id) }))
		return
	}
	p.toSecurityPage(w, r, nil)
}

// ownPasskey reads which of the visitor's keys a form is about.
func ownPasskey(r *http.Request, u users.User) (uuid.UUID, bool) {
	id, err := uuid.Parse(r.PostFormValue("passkey"))
	_, named := u.Passkey(id)
	return id, err == nil && named
}

func (p *Provider) renamePasskey(w http.ResponseWriter, r *http.Request) {
	v, ok := p.here(w, r)
	if !ok {
		return
	}
	id, own := ownPasskey(r, v.user)
	if !own {
		p.toSecurityPage(w, r, nil)
		return
	}
	if err := p.Acts.RenamePasskey(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, id, r.PostFormValue("name")); err != nil {
		p.showRefusal(w, r, v, err)
		return
	}
	p.toSecurityPage(w, r, nil)
}

func (p *Provider) removePasskey(w http.ResponseWriter, r *http.Request) {
	v, ok := p.fresh(w, r)
	if !ok {
		return
	}
	id, own := ownPasskey(r, v.user)
	if !own {
		p.toSecurityPage(w, r, nil)
		return
	}
	if err := p.Acts.RemovePasskey(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, id); err != nil {
		p.showRefusal(w, r, v, err)
		return
	}
	p.toSecurityPage(w, r, nil)
}
