package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

const (
	apiKeyPrefix = "tsk_"
	hintChars    = 4
)

// APIKey is a key as a caller has presented it.
type APIKey struct {
	Tenant, ID uuid.UUID
	Hash       [32]byte // of the whole text
}

// NewAPIKey makes a key: tsk_<tenant and id>_<32 random bytes>_<checksum>. Its
// hint is what people tell keys apart by.
func NewAPIKey(tenant, id uuid.UUID) (text string, hash [32]byte, hint string) {
	secret := make([]byte, randomBytes)
	rand.Read(secret)
	text = sign62(apiKeyPrefix + encode62(append(tenant[:], id[:]...), width32) + "_" + encode62(secret, width32))
	return text, sha256.Sum256([]byte(text)), text[len(text)-hintChars:]
}

// ParseAPIKey takes a key apart, without asking whether there is such a one:
// ErrMalformed if there cannot be.
func ParseAPIKey(text string) (APIKey, error) {
	body, err := unsign62(text)
	if err != nil {
		return APIKey{}, err
	}
	rest, ours := strings.CutPrefix(body, apiKeyPrefix)
	names, secret, both := strings.Cut(rest, "_")
	if !ours || !both {
		return APIKey{}, ErrMalformed
	}
	ids, err := decode62(names, 32, width32)
	if err != nil {
		return APIKey{}, err
	}
	if _, err := decode62(secret, randomBytes, width32); err != nil {
		return APIKey{}, err
	}
	return APIKey{Tenant: uuid.UUID(ids[:16]), ID: uuid.UUID(ids[16:]), Hash: sha256.Sum256([]byte(text))}, nil
}

// StoreAPIKey stores the hash of a new key. It goes again by itself unless an
// event names it.
func (s *Store) StoreAPIKey(ctx context.Context, tenant, id uuid.UUID, hash [32]byte) error {
	now := s.now()
	err := s.queries.AddAPIKeyHash(ctx, db.AddAPIKeyHashParams{
		TenantID: tenant, ID: id, Hash: s.apiKeyHash(tenant, id, hash), CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing API key %s: %w", id, err)
	}
	return nil
}

// DeleteAPIKey removes a key whose command was refused.
func (s *Store) DeleteAPIKey(ctx context.Context, tenant, id uuid.UUID) error {
	return s.queries.DeleteAPIKeyHash(ctx, db.DeleteAPIKeyHashParams{TenantID: tenant, ID: id})
}

// VerifyAPIKey reports whether the key is the stored one. Whether it has expired
// or been revoked is in the read model.
func (s *Store) VerifyAPIKey(ctx context.Context, key APIKey) (bool, error) {
	stored, err := s.queries.APIKeyHash(ctx, db.APIKeyHashParams{TenantID: key.Tenant, ID: key.ID, Now: s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading API key %s: %w", key.ID, err)
	}
	return subtle.ConstantTimeCompare(stored, s.apiKeyHash(key.Tenant, key.ID, key.Hash)) == 1, nil
}

func (s *Store) apiKeyHash(tenant, id uuid.UUID, hash [32]byte) []byte {
	return s.digest("api key", hash[:], tenant, id)
}

// sign62 appends a checksum, so that a mistyped or cut text is refused without a
// look-up and scanners for leaked secrets recognise a real one.
func sign62(body string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body)))
	return body + "_" + encode62(sum, widthCRC)
}

func unsign62(text string) (body string, err error) {
	i := strings.LastIndexByte(text, '_')
	if i < 0 || sign62(text[:i]) != text {
		return "", ErrMalformed
	}
	return text[:i], nil
}
