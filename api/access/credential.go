package access

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/oidc"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/tenantscope"
)

// credential is a verified token: who it stands for, and how to find out what
// that is good for at the moment.
type credential struct {
	who     Principal   // without rights
	until   time.Time   // zero: the token itself does not expire
	revoked func() bool // nil: its rights tell
	look    func(context.Context) (rights, error)
	prove   func(ctx context.Context, token string) error // of other issuers: verifies it once more

	proved atomic.Int64  // Unix nanoseconds; when it last was
	turn   chan struct{} // held by the one who looks
	last   atomic.Pointer[rights]
}

// rights are what a principal may do at a moment.
type rights struct {
	at          time.Time
	refusal     string // why the credential does not hold at the moment
	member      bool
	confined    bool
	roles       []string
	permissions permission.Set
	until       time.Time // zero: never; of API keys
}

// rights returns what is known of the last moments, or looks. Of many requests
// with one token only one looks; the others wait for it.
func (c *credential) rights(ctx context.Context, now time.Time) (*rights, error) {
	if r := c.last.Load(); r != nil && now.Sub(r.at) < fresh {
		return r, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r := c.last.Load(); r != nil && now.Sub(r.at) < fresh {
		return r, nil
	}
	r, err := c.look(tenantscope.Within(ctx, c.who.Tenant))
	if err != nil {
		return nil, err
	}
	r.at = now
	c.last.Store(&r)
	return &r, nil
}

// keyPrefix tells API keys from access tokens.
const keyPrefix = "tsk_"

// identify verifies a token that was not seen before, and says for which tenant it
// is to be remembered.
func (a *Authenticator) identify(ctx context.Context, at *known, token string) (*credential, error) {
	if claim, ok := federation.Peek(token); ok && claim.Issuer != a.Issuer {
		return a.identifyExternal(ctx, *at, token, claim)
	}
	at.tenant = ""
	if strings.HasPrefix(token, keyPrefix) {
		return a.identifyKey(ctx, token)
	}
	claims, err := a.Tokens.Verify(ctx, token)
	if errors.Is(err, oidc.ErrTokenInvalid) {
		return nil, refused("The token does not hold.")
	}
	if err != nil {
		return nil, err
	}
	c := &credential{
		until: claims.ExpiresAt, turn: make(chan struct{}, 1),
		revoked: func() bool { return a.Tokens.Revoked(claims) },
		who:     Principal{Tenant: claims.TenantID, Bound: true, ClientID: claims.ClientID, ExpiresAt: claims.ExpiresAt},
	}
	if id := claims.ServiceAccountID; id != uuid.Nil {
		c.who.Kind, c.who.Actor = ServiceAccount, "service_account:"+id.String()
		c.look = func(ctx context.Context) (rights, error) { return a.ofServiceAccount(ctx, claims.TenantID, id) }
		return c, nil
	}
	c.who.Kind, c.who.Actor = User, "user:"+claims.UserID.String()
	c.who.UserID, c.who.SessionID = claims.UserID, claims.SessionID
	c.who.Scope = claims.Scope
	c.look = func(ctx context.Context) (rights, error) { return a.ofUser(ctx, claims) }
	return c, nil
}

func (a *Authenticator) identifyKey(ctx context.Context, token string) (*credential, error) {
	key, err := credentials.ParseAPIKey(token)
	if err != nil {
		return nil, refused("The API key does not hold.")
	}
	holds, err := a.Keys.VerifyAPIKey(ctx, key)
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, refused("The API key does not hold.")
	}
	return &credential{
		who:  Principal{Kind: APIKey, Actor: "api_key:" + key.ID.String(), Tenant: key.Tenant, Bound: true},
		look: func(ctx context.Context) (rights, error) { return a.ofKey(ctx, key.Tenant, key.ID) },
		turn: make(chan struct{}, 1),
	}, nil
}
