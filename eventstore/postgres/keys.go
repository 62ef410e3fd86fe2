package postgres

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// SubjectKeys keeps each data subject's key wrapped with the master key
// (AES-256-GCM; the tenant and subject are authenticated with it, so that a row
// copied to another subject does not open). Safe for concurrent use.
type SubjectKeys struct {
	queries *db.Queries
	master  cipher.AEAD
}

var _ eventstore.SubjectKeys = (*SubjectKeys)(nil)

// NewSubjectKeys returns the keys in the pool's database.
func NewSubjectKeys(pool *pgxpool.Pool, masterKey [32]byte) *SubjectKeys {
	block, err := aes.NewCipher(masterKey[:])
	if err != nil {
		panic(err) // only for a wrong key size
	}
	master, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &SubjectKeys{queries: db.New(pool), master: master}
}

// SubjectKey implements eventstore.SubjectKeys.
func (k *SubjectKeys) SubjectKey(ctx context.Context, tenant uuid.UUID, subject string, create bool) ([]byte, error) {
	key, err := k.load(ctx, tenant, subject)
	if !create || !errors.Is(err, eventstore.ErrNoSubjectKey) {
		return key, err
	}
	fresh := make([]byte, eventstore.SubjectKeySize)
	rand.Read(fresh)
	err = k.queries.AddSubjectKey(ctx, db.AddSubjectKeyParams{
		TenantID: tenant, Subject: subject,
		WrappedKey: k.master.Seal(nil, nil, fresh, subjectAAD(tenant, subject)),
		CreatedAt:  time.Now().UTC(),
	})
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	// Another process may have been first: the stored key is the one that counts.
	return k.load(ctx, tenant, subject)
}

func (k *SubjectKeys) load(ctx context.Context, tenant uuid.UUID, subject string) ([]byte, error) {
	row, err := k.queries.SubjectKey(ctx, db.SubjectKeyParams{TenantID: tenant, Subject: subject})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, eventstore.ErrNoSubjectKey
	}
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	if row.ErasedAt != nil || row.WrappedKey == nil {
		return nil, eventstore.ErrSubjectErased
	}
	key, err := k.master.Open(nil, nil, row.WrappedKey, subjectAAD(tenant, subject))
	if err != nil {
		return nil, fmt.Errorf("key of subject %s does not open with this master key: %w", subject, err)
	}
	return key, nil
}

func subjectAAD(tenant uuid.UUID, subject string) []byte {
	return append(tenant[:], subject...)
}
