package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

// ceremonyLife is how long a page that offers a passkey may stand open.
const ceremonyLife = 15 * time.Minute

// What the challenge of a ceremony is for.
const (
	toPasskeySignIn = "passkey sign-in"
	toPasskeyAdd    = "passkey add"
)

// newPasskeys returns the relying party of an issuer. It is nil for one that is
// reached by its address, because passkeys belong to names.
func newPasskeys(issuer string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	if protocol.ValidateRPID(u.Hostname()) != nil {
		return nil, nil
	}
	required := true
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Tansu", RPOrigins: []string{issuer}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
}

// passkeyOwner is a user as the library wants one, with the keys that count: those
// that are stored and that the user's events name.
type passkeyOwner struct {
	users.User
	keys []credentials.Passkey
}

func (o passkeyOwner) WebAuthnID() []byte          { return o.ID[:] }
func (o passkeyOwner) WebAuthnName() string        { return o.Email }
func (o passkeyOwner) WebAuthnDisplayName() string { return o.Name }

func (o passkeyOwner) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, 0, len(o.keys))
	for _, k := range o.keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Record, &c); err != nil {
			continue // written by a later release
		}
		c.Authenticator.SignCount = k.SignCount
		all = append(all, c)
	}
	return all
}

// byCredential finds a key by what its authenticator calls it.
func (o passkeyOwner) byCredential(id []byte) (credentials.Passkey, bool) {
	for _, k := range o.keys {
		if string(k.CredentialID) == string(id) {
			return k, true
		}
	}
	return credentials.Passkey{}, false
}

func (p *Provider) passkeyOwner(r *http.Request, u users.User) (passkeyOwner, error) {
	stored, err := p.Credentials.Passkeys(r.Context(), u.ID)
	if err != nil {
		return passkeyOwner{}, err
	}
	o := passkeyOwner{User: u}
	for _, k := range stored {
		if _, named := u.Passkey(k.ID); named {
			o.keys = append(o.keys, k)
		}
	}
	return o, nil
}

// ceremony is what a page needs to ask a browser for a passkey: the options for
// its script and the sealed challenge, which comes back with the answer.
type ceremony struct{ Options, Sealed string }

func (p *Provider) newCeremony(to string, user uuid.UUID, options any, session *webauthn.SessionData) (*ceremony, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	return &ceremony{string(text), p.seal(ticket{To: to, IssuedAt: p.Now(), Text: session.Challenge, Subject: user})}, nil
}

// signInCeremony is for whoever comes: the key says whose it is. It is nil where
// there are no passkeys.
func (p *Provider) signInCeremony() (*ceremony, error) {
	if p.passkeys == nil {
		return nil, nil
	}
	options, session, err := p.passkeys.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("beginning a sign-in with a passkey: %w", err)
	}
	return p.newCeremony(toPasskeySignIn, uuid.Nil, options.Response, session)
}

// addCeremony is for a user who wants one more key.
func (p *Provider) addCeremony(o passkeyOwner) (*ceremony, error) {
	if p.passkeys == nil {
		return nil, nil
	}
	var known []protocol.CredentialDescriptor
	for _, c := range o.WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	options, session, err := p.passkeys.BeginRegistration(o, webauthn.WithExclusions(known))
	if err != nil {
		return nil, fmt.Errorf("beginning to add a passkey: %w", err)
	}
	return p.newCeremony(toPasskeyAdd, o.ID, options.Response, session)
}

// errPasskey is whatever is wrong with the answer of an authenticator.
var errPasskey = errors.New("the passkey does not hold")

func refusedPasskey(err error) error {
	detail := err.Error()
	if told := (*protocol.Error)(nil); errors.As(err, &told) {
		detail = strings.TrimSpace(told.Details + " " + told.DevInfo)
	}
	return fmt.Errorf("%w: %.300s", errPasskey, detail) // some of it is what was sent
}

// openCeremony returns the session of a sealed challenge.
func (p *Provider) openCeremony(r *http.Request, to string) (ticket, webauthn.SessionData, error) {
	if p.passkeys == nil {
		return ticket{}, webauthn.SessionData{}, fmt.Errorf("%w: there are none here", errPasskey)
	}
	t, err := p.unsealWithin(r.PostFormValue("ceremony"), ceremonyLife)
	if err != nil || t.To != to {
		return t, webauthn.SessionData{}, fmt.Errorf("%w: the challenge is not ours, or too old", errPasskey)
	}
	session := webauthn.SessionData{
		Challenge: t.Text, RelyingPartyID: p.passkeys.Config.RPID, UserVerification: protocol.VerificationRequired,
		CredParams: webauthn.CredentialParametersDefault(),
	}
	if t.Subject != uuid.Nil {
		session.UserID = t.Subject[:]
	}
	return t, session, nil
}

// spend makes sure that a challenge is answered once.
func (p *Provider) spend(r *http.Request, t ticket) error {
	challenge, err := base64.RawURLEncoding.DecodeString(t.Text)
	if err != nil {
		return err
	}
	fresh, err := p.Credentials.SpendChallenge(r.Context(), challenge, t.IssuedAt.Add(ceremonyLife+time.Minute))
	if err == nil && !fresh {
		err = fmt.Errorf("%w: the challenge has been answered before", errPasskey)
	}
	return err
}

// userOfPasskey returns who signs in with the key that was sent. errPasskey says
// that it is nobody.
func (p *Provider) userOfPasskey(r *http.Request) (users.User, error) {
	var owner passkeyOwner
	t, session, err := p.openCeremony(r, toPasskeySignIn)
	if err != nil {
		return owner.User, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(r.PostFormValue("answer")))
	if err != nil {
		return owner.User, refusedPasskey(err)
	}
	var failure error
	_, _, err = p.passkeys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		owner, failure = p.ownerOfHandle(r, handle)
		return owner, failure
	}, session, parsed)
	if failure != nil {
		return owner.User, failure
	}
	if err != nil {
		return owner.User, refusedPasskey(err)
	}
	if err := p.spend(r, t); err != nil {
		return owner.User, err
	}
	key, _ := owner.byCredential(parsed.RawID)
	err = p.Credentials.UsePasskey(r.Context(), owner.ID, key.ID, parsed.Response.AuthenticatorData.Counter)
	if errors.Is(err, credentials.ErrPasskeyCloned) {
		p.Logger.WarnContext(r.Context(), "oidc: a passkey has been copied; it signs nobody in any more", "user", owner.ID, "passkey", key.ID)
		err = fmt.Errorf("%w: it has been copied", errPasskey)
	}
	return owner.User, err
}

func (p *Provider) ownerOfHandle(r *http.Request, handle []byte) (passkeyOwner, error) {
	id, err := uuid.FromBytes(handle)
	if err != nil {
		return passkeyOwner{}, fmt.Errorf("%w: its user handle is not ours", errPasskey)
	}
	u, err := p.Users.Get(r.Context(), id)
	if errors.Is(err, users.ErrNotFound) || err == nil && u.Status != users.StatusActive {
		return passkeyOwner{}, fmt.Errorf("%w: its user is not active", errPasskey)
	}
	if err != nil {
		return passkeyOwner{}, err
	}
	return p.passkeyOwner(r, u)
}

// loginPasskey signs in with a passkey. It is two factors in one: the key, and
// what its authenticator has made sure of.
func (p *Provider) loginPasskey(w http.ResponseWriter, r *http.Request) {
	t, err := p.purpose(r)
	if err != nil {
		p.showExpired(w, r)
		return
	}
	if !p.allowedToTry(r.Context(), "address", network(p.Address(r)), addressTries) {
		p.showTooMany(w, r)
		return
	}
	u, err := p.userOfPasskey(r)
	if errors.Is(err, errPasskey) {
		p.Logger.InfoContext(r.Context(), "oidc: a passkey was refused", "error", err)
		p.showLoginAgain(w, r, http.StatusUnauthorized, t, "", problem{"passkey", "The passkey was not accepted. Try again, or sign in with your password."})
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	p.enterFully(w, r, t, u, methodPasskey)
}

// storePasskey checks the key that a browser has made for a user and stores it.
func (p *Provider) storePasskey(r *http.Request, u users.User) (id uuid.UUID, err error) {
	t, session, err := p.openCeremony(r, toPasskeyAdd)
	if err != nil {
		return id, err
	}
	if t.Subject != u.ID {
		return id, fmt.Errorf("%w: the challenge was another user's", errPasskey)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(r.PostFormValue("answer")))
	if err != nil {
		return id, refusedPasskey(err)
	}
	made, err := p.passkeys.CreateCredential(passkeyOwner{User: u}, session, parsed)
	if err != nil {
		return id, refusedPasskey(err)
	}
	if err := p.spend(r, t); err != nil {
		return id, err
	}
	record, err := json.Marshal(made)
	if err != nil {
		return id, err
	}
	if id, err = uuid.NewV7(); err != nil {
		return id, err
	}
	err = p.Credentials.StorePasskey(r.Context(), u.ID, credentials.Passkey{
		ID: id, CredentialID: made.ID, Record: record, SignCount: made.Authenticator.SignCount,
	})
	if errors.Is(err, credentials.ErrPasskeyTaken) {
		err = fmt.Errorf("%w: it is stored already", errPasskey)
	}
	return id, err
}
