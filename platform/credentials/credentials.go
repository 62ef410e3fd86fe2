// Package credentials keeps what proves who somebody is and must not stand in
// the log: hashes of passwords, of one-time tokens, of browser sessions, of API
// keys, of clients' secrets and of recovery codes, secrets of authenticator apps,
// and passkeys. Events name these by id.
//
// Whatever an event names is stored before that event, with a date at which it
// goes again by itself, and Drop... removes what a refused command left. Once the
// event is in the log, the saga in projections/sagas/credentials lifts the date;
// and it deletes what events end.
//
// Stored hashes are keyed and cover the ids of their row, so that neither a copy
// of the database nor a row moved elsewhere in it lets anybody in.
package credentials

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/sql/db"
)

const (
	keyBytes    = 32
	randomBytes = 32
	// unnamedFor is how long something is kept that no event has named, because
	// its command was interrupted.
	unnamedFor = 30 * 24 * time.Hour
)

var (
	// ErrMalformed is returned for text that was never issued.
	ErrMalformed = errors.New("malformed credential")
	// ErrNotStored is returned when something is kept that is not there.
	ErrNotStored = errors.New("no such credential is stored")
)

// systemTenant owns users and what belongs to them.
var systemTenant = uuid.Nil

// Config configures a Store.
type Config struct {
	// Key (32 bytes) keys the hashes and wraps what is not hashed; what was
	// stored with another does not verify.
	Key []byte
	// Logger tells about faults of the background work. Default: slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Store keeps credentials in Postgres. Safe for concurrent use.
type Store struct {
	queries *db.Queries
	hashKey []byte
	wrap    cipher.AEAD
	argon   *argon
	used    lastUsed
	logger  *slog.Logger
	clock   func() time.Time
}

// New returns the credentials in the pool's database.
func New(pool *pgxpool.Pool, config Config) (*Store, error) {
	if len(config.Key) != keyBytes {
		return nil, fmt.Errorf("the key of credentials has %d bytes, not %d", len(config.Key), keyBytes)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	hashKey, err := hkdf.Key(sha256.New, config.Key, nil, "tansu credentials: hashes", keyBytes)
	if err != nil {
		return nil, err
	}
	wrapKey, err := hkdf.Key(sha256.New, config.Key, nil, "tansu credentials: passwords", keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(wrapKey)
	if err != nil {
		return nil, err
	}
	wrap, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Store{
		queries: db.New(pool), hashKey: hashKey, wrap: wrap, argon: newArgon(),
		used: lastUsed{pending: map[keyID]time.Time{}}, logger: config.Logger, clock: config.Now,
	}, nil
}

// now has the precision of the database.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// digest returns the keyed hash of a secret that belongs to some ids. kind keeps
// the hashes of different things apart.
func (s *Store) digest(kind string, secret []byte, ids ...uuid.UUID) []byte {
	mac := hmac.New(sha256.New, s.hashKey)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	for _, id := range ids {
		mac.Write(id[:])
	}
	mac.Write(secret)
	return mac.Sum(nil)
}

// kept turns the outcome of a Keep... statement into an error.
func kept(what string, id uuid.UUID, rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("keeping %s %s: %w", what, id, err)
	}
	if rows == 0 {
		return fmt.Errorf("keeping %s %s: %w", what, id, ErrNotStored)
	}
	return nil
}

// Run writes down when API keys were used and deletes what has expired, each
// minute until the context ends. Every process may run it.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(roundEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRound)
			defer cancel()
			return s.Flush(last)
		case <-ticker.C:
			if err := errors.Join(s.Flush(ctx), s.Clean(ctx)); err != nil && ctx.Err() == nil {
				s.logger.WarnContext(ctx, "looking after credentials", "error", err)
			}
		}
	}
}

const (
	roundEvery = time.Minute
	lastRound  = 5 * time.Second
)
