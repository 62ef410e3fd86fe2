package rest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/oidc"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/mail"
)

// vault keeps credentials in memory. It also issues and verifies access tokens,
// and is the mail server.
type vault struct {
	mu       sync.Mutex
	keys     map[uuid.UUID]credentials.APIKey
	kept     map[uuid.UUID]bool
	secrets  map[uuid.UUID]string // by id
	retired  map[uuid.UUID]time.Time
	used     map[uuid.UUID]time.Time
	issued   []credentials.OneTime
	tokens   map[string]oidc.Claims
	revoked  map[string]bool // by jti
	messages []mail.Message

	consents    []consent
	withdrawnBy oidc.Visitor
}

func newVault() *vault {
	return &vault{
		keys: map[uuid.UUID]credentials.APIKey{}, kept: map[uuid.UUID]bool{}, secrets: map[uuid.UUID]string{},
		retired: map[uuid.UUID]time.Time{}, used: map[uuid.UUID]time.Time{},
		tokens: map[string]oidc.Claims{}, revoked: map[string]bool{},
	}
}

func (v *vault) locked(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
}

func (v *vault) Issue(_ context.Context, _ credentials.Purpose, tenant, subject, id uuid.UUID, ttl time.Duration) (string, error) {
	v.locked(func() {
		v.issued = append(v.issued, credentials.OneTime{Tenant: tenant, Subject: subject, ID: id, ExpiresAt: time.Now().Add(ttl)})
	})
	return "one+time/" + id.String(), nil
}

func (v *vault) StoreAPIKey(_ context.Context, tenant, id uuid.UUID, hash [32]byte) error {
	v.locked(func() { v.keys[id] = credentials.APIKey{Tenant: tenant, ID: id, Hash: hash} })
	return nil
}

func (v *vault) DeleteAPIKey(_ context.Context, _, id uuid.UUID) error {
	v.locked(func() { delete(v.keys, id) })
	return nil
}

func (v *vault) VerifyAPIKey(_ context.Context, key credentials.APIKey) (holds bool, _ error) {
	v.locked(func() { holds = v.keys[key.ID] == key })
	return holds, nil
}

func (v *vault) TouchAPIKey(_, id uuid.UUID) { v.locked(func() { v.used[id] = time.Now() }) }

func (v *vault) LastUsed(_ context.Context, _ uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	used := map[uuid.UUID]time.Time{}
	v.locked(func() {
		for _, id := range ids {
			if at, ever := v.used[id]; ever {
				used[id] = at
			}
		}
	})
	return used, nil
}

func (v *vault) StoreSecret(_ context.Context, _, _, id uuid.UUID, text string) error {
	v.locked(func() { v.secrets[id] = text })
	return nil
}

func (v *vault) KeepSecret(_ context.Context, _, _, id uuid.UUID, _ int64) error {
	v.locked(func() { v.kept[id] = true })
	return nil
}

func (v *vault) DropSecret(_ context.Context, _, _, id uuid.UUID) error {
	v.locked(func() { delete(v.secrets, id) })
	return nil
}

func (v *vault) RetireSecrets(_ context.Context, _, owner uuid.UUID, _ int64, until time.Time) error {
	v.locked(func() { v.retired[owner] = until })
	return nil
}

func (v *vault) StoreProviderSecret(_ context.Context, _, _, id uuid.UUID, secret string) error {
	v.locked(func() { v.secrets[id] = secret })
	return nil
}

func (v *vault) DropProviderSecret(_ context.Context, _, _, id uuid.UUID) error {
	v.locked(func() { delete(v.secrets, id) })
	return nil
}

func (v *vault) Verify(_ context.Context, token string) (claims oidc.Claims, err error) {
	v.locked(func() {
		var known bool
		if claims, known = v.tokens[token]; !known {
			err = oidc.ErrTokenInvalid
		}
	})
	return claims, err
}

func (v *vault) Revoked(claims oidc.Claims) (revoked bool) {
	v.locked(func() { revoked = v.revoked[claims.ID] })
	return revoked
}

// Send refuses addresses that begin with "bounce".
func (v *vault) Send(_ context.Context, m mail.Message) error {
	if strings.HasPrefix(m.To, "bounce") {
		return errors.New("no such mailbox")
	}
	v.locked(func() { v.messages = append(v.messages, m) })
	return nil
}

// token issues an access token.
func (v *vault) token(claims oidc.Claims) string {
	claims.ID, claims.ExpiresAt = uuid.NewString(), time.Now().Add(10*time.Minute)
	token := "eyJ." + claims.ID
	v.locked(func() { v.tokens[token] = claims })
	return token
}
