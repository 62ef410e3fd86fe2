package oidc

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Claims is what a verified access token says. Rights are not in it: roles are
// those at the time of minting, for display; who decides asks the read model.
type Claims struct {
	ID       string // jti
	Grant    string // what the token was minted from, revocable as a whole; empty for service accounts
	Subject  string
	ClientID string
	// UserID is nil for service accounts, and ServiceAccountID is nil for users.
	UserID           uuid.UUID
	ServiceAccountID uuid.UUID
	TenantID         uuid.UUID // the one tenant that the token is for
	SessionID        uuid.UUID // nil for service accounts
	Scope            []string
	Roles            []string
	IssuedAt         time.Time
	ExpiresAt        time.Time
}

// ErrTokenInvalid covers everything that is wrong with an access token; why goes
// to the log, never to the caller.
var ErrTokenInvalid = errors.New("the access token is not valid")
