package certificate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/time/rate"

	"tansu.cloud/sql/db"
)

// Store keeps in PostgreSQL what ACME needs, so that all nodes share it.
type Store struct {
	queries *db.Queries
	wrap    cipher.AEAD
	logger  *slog.Logger

	orders     *rate.Limiter // of certificates that nobody has yet
	challenges *rate.Limiter // looked up; strangers can ask for them
}

var _ autocert.Cache = (*Store)(nil)

// Bounds of a node: of orders, far below what public authorities allow an account;
// of looked up challenges, of which an order has one.
const (
	orderEvery, orderBurst = 3 * time.Minute, 20
	challengesPerSecond    = 20
)

// tenant is the system tenant.
var tenant uuid.UUID

// NewStore returns a store in the pool's database whose content is wrapped with a
// key.
func NewStore(pool *pgxpool.Pool, key [32]byte, logger *slog.Logger) (*Store, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	wrap, err := cipher.NewGCMWithRandomNonce(block)
	return &Store{
		queries: db.New(pool), wrap: wrap, logger: logger,
		orders:     rate.NewLimiter(rate.Every(orderEvery), orderBurst),
		challenges: rate.NewLimiter(challengesPerSecond, challengesPerSecond),
	}, err
}

// kinds of names, as autocert makes them: <domain>, <domain>+rsa, <domain>+token,
// <token>+http-01, acme_account+key.
func isCertificate(name string) bool {
	return !strings.Contains(name, "+") || strings.HasSuffix(name, "+rsa")
}

func isChallenge(name string) bool {
	return strings.HasSuffix(name, "+token") || strings.HasSuffix(name, "+http-01")
}

// Get implements autocert.Cache. That a certificate is missing is the beginning of
// an order, so it is said only so often.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if isChallenge(name) && !s.challenges.Allow() {
		return nil, errors.New("certificates: too many challenges are looked up")
	}
	wrapped, err := s.queries.Certificate(ctx, db.CertificateParams{TenantID: tenant, Name: name})
	if errors.Is(err, pgx.ErrNoRows) {
		if isCertificate(name) && !s.orders.Allow() {
			s.logger.WarnContext(ctx, "too many certificates are ordered; one has to wait", "name", name)
			return nil, errors.New("certificates: too many are ordered; try again in some minutes")
		}
		return nil, autocert.ErrCacheMiss
	}
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	data, err := s.wrap.Open(nil, nil, wrapped, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("certificates: %s cannot be unwrapped; is the master key another one? %w", name, err)
	}
	return data, nil
}

// Put implements autocert.Cache.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	err := s.queries.PutCertificate(ctx, db.PutCertificateParams{
		TenantID: tenant, Name: name, Wrapped: s.wrap.Seal(nil, nil, data, []byte(name)), UpdatedAt: time.Now(),
	})
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	if isCertificate(name) {
		s.logger.InfoContext(ctx, "got a certificate", "name", name)
	}
	return nil
}

// Delete implements autocert.Cache.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.queries.DeleteCertificate(ctx, db.DeleteCertificateParams{TenantID: tenant, Name: name}); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	return nil
}
