// Package client is the aggregate of an OAuth client: an application that may
// ask people to sign in here. Streams stand in the system tenant's log; secrets
// it knows by id only. Programs that act for themselves are service accounts.
package client

import (
	"encoding/json"
	"time"
)

// StreamType is the type of a client's stream; the stream's id is the client's,
// a UUID.
const StreamType = "oauth_client"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is whether people can sign in to a client.
type Status string

// A client is enabled when it is registered; deleted is final.
const (
	StatusEnabled  Status = "enabled"
	StatusDisabled Status = "disabled"
	StatusDeleted  Status = "deleted"
)

// Type is whether a client can keep a secret (RFC 6749, section 2.1).
type Type string

// The types of clients.
const (
	Public       Type = "public"
	Confidential Type = "confidential"
)

// Auth is how a client proves at the token endpoint that it is itself.
type Auth string

// Public clients use none, confidential ones one of the others.
const (
	AuthNone          Auth = "none"
	AuthSecret        Auth = "secret"
	AuthPrivateKeyJWT Auth = "private_key_jwt"
)

// The grants that a client can be allowed.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantDeviceCode        = "device_code"
)

// Profile is what can be changed about a client.
type Profile struct {
	Name                   string          `json:"name"`
	RedirectURIs           []string        `json:"redirect_uris"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris"`
	Grants                 []string        `json:"grants"`         // sorted
	JWKS                   json.RawMessage `json:"jwks,omitempty"` // public keys, for private_key_jwt only
	Scopes                 []string        `json:"scopes"`         // sorted
	FirstParty             bool            `json:"first_party"`    // people are not asked for their consent
}

// State is a client as its events tell it. The zero State is a client that does
// not exist.
type State struct {
	ID                string    `json:"id"`
	Type              Type      `json:"type"`
	TokenEndpointAuth Auth      `json:"token_endpoint_auth"`
	Profile                     // inline
	Status            Status    `json:"status"`
	DisabledReason    string    `json:"disabled_reason"`
	SecretID          string    `json:"secret_id"`          // empty without AuthSecret
	PreviousSecretID  string    `json:"previous_secret_id"` // counts too until PreviousUntil
	PreviousUntil     time.Time `json:"previous_until,omitzero"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Registered:
		return State{
			ID: e.ID, Type: e.Type, TokenEndpointAuth: e.TokenEndpointAuth, Profile: e.Profile, Status: StatusEnabled,
			SecretID: e.SecretID, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Changed:
		s.Profile, s.UpdatedAt = e.Profile, e.At
	case SecretRotated:
		s.PreviousSecretID, s.PreviousUntil, s.SecretID, s.UpdatedAt = s.SecretID, e.PreviousUntil, e.SecretID, e.At
	case Disabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusDisabled, e.Reason, e.At
	case Enabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusEnabled, "", e.At
	case Deleted:
		s.Status, s.UpdatedAt = StatusDeleted, e.At
	}
	return s
}
