package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
)

// ticketLife is how long somebody may take to sign in.
const ticketLife = time.Hour

// What a ticket leads to.
const (
	toAuthorize = "authorize"
	toDevice    = "device"
	toInvite    = "invite"
	toHome      = "home"
	toLogout    = "logout"
)

// ticket is what a visitor came for. It goes through the pages sealed, so that
// nothing in it has to be checked twice and nothing is stored for strangers.
type ticket struct {
	To       string    `json:"to"`
	IssuedAt time.Time `json:"at"`

	// To authorize.
	ClientID    string    `json:"c,omitempty"`
	RedirectURI string    `json:"r,omitempty"` // also to log out
	State       string    `json:"s,omitempty"`
	Scope       []string  `json:"sc,omitempty"`
	Nonce       string    `json:"n,omitempty"`
	Challenge   string    `json:"ch,omitempty"`
	MaxAge      *int64    `json:"ma,omitempty"`
	Login       bool      `json:"l,omitempty"`  // prompt=login: sign in after IssuedAt
	Silent      bool      `json:"q,omitempty"`  // prompt=none
	AskConsent  bool      `json:"ac,omitempty"` // prompt=consent
	AskAccount  bool      `json:"aa,omitempty"` // prompt=select_account
	LoginHint   string    `json:"h,omitempty"`
	Subject     uuid.UUID `json:"su,omitzero"` // of the id_token_hint
	Tenant      uuid.UUID `json:"t,omitzero"`  // the one asked for or chosen
	Chosen      bool      `json:"tc,omitempty"`
	Agreed      uuid.UUID `json:"a,omitzero"`  // the session in which consent was given
	Text        string    `json:"x,omitempty"` // user code, token of an invite, challenge, or secret of an app

	// Half is whoever has shown one factor of two.
	Half *half `json:"hf,omitempty"`
	// External is where somebody signs in elsewhere.
	External *external `json:"ex,omitempty"`
}

var errTicket = errors.New("the ticket is not valid")

func newTicketCipher(key [32]byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, key[:], nil, "tansu oidc tickets", 32)
	if err != nil {
		panic(err) // only for an impossible length
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err) // only for a wrong key size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (p *Provider) seal(t ticket) string {
	plain, err := json.Marshal(t)
	if err != nil {
		panic(err) // only for types that cannot be marshalled
	}
	return base64.RawURLEncoding.EncodeToString(p.tickets.Seal(nil, nil, plain, nil))
}

func (p *Provider) unseal(text string) (ticket, error) { return p.unsealWithin(text, ticketLife) }

func (p *Provider) unsealWithin(text string, life time.Duration) (ticket, error) {
	var t ticket
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return t, errTicket
	}
	plain, err := p.tickets.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return ticket{}, errTicket
	}
	if p.Now().Sub(t.IssuedAt) > life {
		return ticket{}, errTicket
	}
	return t, nil
}
