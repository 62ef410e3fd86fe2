package webhooks

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/domain/webhook"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/sql/db"
)

const (
	secretBytes  = 32
	secretPrefix = "whsec_"
	// unnamedFor is how long a secret is kept that no event has named, because
	// its command was interrupted or the saga is behind.
	unnamedFor = 30 * 24 * time.Hour
	// maxSecrets bounds the memory of those that were unwrapped.
	maxSecrets = 1_000
)

// Secrets keeps the secrets that sign deliveries, wrapped with the server's key
// (AES-256-GCM; tenant, webhook and id are authenticated with each, so that a
// row copied elsewhere does not open). Safe for concurrent use.
type Secrets struct {
	queries *db.Queries
	wrap    cipher.AEAD

	mu     sync.Mutex
	opened map[uuid.UUID][]byte // a secret never changes
}

// NewSecrets returns the secrets in the pool's database.
func NewSecrets(pool *pgxpool.Pool, key [32]byte) *Secrets {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only for a wrong key size
	}
	wrap, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &Secrets{queries: db.New(pool), wrap: wrap, opened: map[uuid.UUID][]byte{}}
}

// NewSecret makes and stores a secret. It goes again by itself unless an event
// names it.
func (s *Secrets) NewSecret(ctx context.Context, tenant, hook uuid.UUID) (name webhook.Secret, text string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return name, "", err
	}
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	now := time.Now().UTC()
	err = s.queries.AddWebhookSecret(ctx, db.AddWebhookSecretParams{
		TenantID: tenant, ID: id, WebhookID: hook, Wrapped: s.wrap.Seal(nil, nil, secret, owner(tenant, hook, id)),
		CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return name, "", fmt.Errorf("storing a secret: %w", err)
	}
	sum := sha256.Sum256(secret)
	return webhook.Secret{ID: id.String(), Fingerprint: hex.EncodeToString(sum[:8])}, secretText(secret), nil
}

// DropSecret removes a secret whose command was refused.
func (s *Secrets) DropSecret(ctx context.Context, tenant uuid.UUID, id string) error {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return err
	}
	return s.queries.DropWebhookSecret(ctx, db.DropWebhookSecretParams{TenantID: tenant, ID: parsed})
}

// SecretText returns a stored secret in the form that receivers are given:
// readmodel.ErrNotFound if it is not kept any more.
func (s *Secrets) SecretText(ctx context.Context, tenant, hook uuid.UUID, id string) (string, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", err
	}
	secret, err := s.open(ctx, tenant, hook, parsed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", readmodel.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return secretText(secret), nil
}

func (s *Secrets) open(ctx context.Context, tenant, hook, id uuid.UUID) ([]byte, error) {
	s.mu.Lock()
	secret := s.opened[id]
	s.mu.Unlock()
	if secret != nil {
		return secret, nil
	}
	wrapped, err := s.queries.WebhookSecret(ctx, db.WebhookSecretParams{TenantID: tenant, ID: id, WebhookID: hook})
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", id, err)
	}
	if secret, err = s.wrap.Open(nil, nil, wrapped, owner(tenant, hook, id)); err != nil {
		return nil, fmt.Errorf("secret %s does not open with this server's key: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) >= maxSecrets {
		clear(s.opened)
	}
	s.opened[id] = secret
	return secret, nil
}

func secretText(secret []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

func owner(tenant, hook, id uuid.UUID) []byte {
	return append(append(tenant[:], hook[:]...), id[:]...)
}
