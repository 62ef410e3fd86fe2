package grants

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"tansu.cloud/sql/db"
)

// The algorithms of signing keys.
const (
	ES256 = "ES256"
	RS256 = "RS256"
)

const (
	// RotateEvery is how long a key signs.
	RotateEvery = 30 * 24 * time.Hour
	// PublishAhead is how long a key is published before it signs, so that every
	// node and every client has heard of it.
	PublishAhead = time.Hour
	// VerifyFor is how long a key is published after it signed for the last time:
	// longer than what it signed lives.
	VerifyFor = 2 * time.Hour
)

// SigningKey is one generation of an algorithm's key.
type SigningKey struct {
	ID        string
	Algorithm string
	Private   crypto.Signer
	SignsFrom time.Time

	generation int32
}

// SigningKeys returns the keys that sign, will sign or have signed, oldest first,
// and makes and deletes what the time asks for. Nodes may do so at once.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	for {
		keys, err := s.signingKeys(ctx)
		if err != nil {
			return nil, err
		}
		changed, err := s.rotate(ctx, keys)
		if err != nil {
			return nil, err
		}
		if !changed {
			return keys, nil
		}
	}
}

func (s *Store) signingKeys(ctx context.Context) ([]SigningKey, error) {
	rows, err := s.q.SigningKeys(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	keys := make([]SigningKey, 0, len(rows))
	for _, r := range rows {
		private, err := s.keys.open(r)
		if err != nil {
			return nil, err
		}
		keys = append(keys, SigningKey{ID: r.ID, Algorithm: r.Algorithm, Private: private, SignsFrom: r.SignsFrom.UTC(), generation: r.Generation})
	}
	return keys, nil
}

// rotate brings the keys of each algorithm up to date.
func (s *Store) rotate(ctx context.Context, keys []SigningKey) (changed bool, err error) {
	now := s.now()
	for _, algorithm := range []string{ES256, RS256} {
		var newest SigningKey
		for i, k := range keys {
			if k.Algorithm != algorithm {
				continue
			}
			newest = k
			followed := i+1 < len(keys) && keys[i+1].Algorithm == algorithm
			if followed && now.After(keys[i+1].SignsFrom.Add(VerifyFor)) {
				err := s.q.DeleteSigningKey(ctx, db.DeleteSigningKeyParams{TenantID: tenant, Algorithm: algorithm, Generation: k.generation})
				if err != nil {
					return false, fmt.Errorf("deleting a signing key: %w", err)
				}
				changed = true
			}
		}
		due := newest.SignsFrom.Add(RotateEvery) // of the next generation to sign
		switch {
		case newest.generation == 0:
			err = s.addKey(ctx, algorithm, 1, now, now)
		case now.After(due.Add(-PublishAhead)):
			err = s.addKey(ctx, algorithm, newest.generation+1, now, now.Add(PublishAhead))
		default:
			continue
		}
		if err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

func (s *Store) addKey(ctx context.Context, algorithm string, generation int32, now, signsFrom time.Time) error {
	private, id, err := newKey(algorithm)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	wrapped, err := s.keys.wrap(algorithm, generation, private)
	if err != nil {
		return err
	}
	// Another node may have been first; then its key counts.
	_, err = s.q.AddSigningKey(ctx, db.AddSigningKeyParams{
		TenantID: tenant, Algorithm: algorithm, Generation: generation, ID: id, Wrapped: wrapped, CreatedAt: now, SignsFrom: signsFrom,
	})
	if err != nil {
		return fmt.Errorf("storing a signing key: %w", err)
	}
	return nil
}

// newKey names a key by its public half.
func newKey(algorithm string) (private crypto.Signer, id string, err error) {
	if algorithm == RS256 {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, "", err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, "", err
	}
	return private, hex.EncodeToString(hashOf(string(public))[:16]), nil
}

// keyWrap holds what is derived from the server's key.
type keyWrap struct {
	aead      cipher.AEAD
	userCodes []byte
}

func newKeyWrap(key [32]byte) keyWrap {
	derive := func(use string) []byte {
		derived, err := hkdf.Key(sha256.New, key[:], nil, use, 32)
		if err != nil {
			panic(err) // only for an impossible length
		}
		return derived
	}
	block, err := aes.NewCipher(derive("tansu signing keys"))
	if err != nil {
		panic(err) // only for a wrong key size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return keyWrap{aead: aead, userCodes: derive("tansu user codes")}
}

// hashUserCode is keyed because a user code is short enough to be guessed from
// its hash.
func (w keyWrap) hashUserCode(code string) []byte {
	mac := hmac.New(sha256.New, w.userCodes)
	mac.Write([]byte(code))
	return mac.Sum(nil)
}

func (w keyWrap) wrap(algorithm string, generation int32, private crypto.Signer) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return w.aead.Seal(nil, nil, plain, place(algorithm, generation)), nil
}

func (w keyWrap) open(r db.SigningKey) (crypto.Signer, error) {
	plain, err := w.aead.Open(nil, nil, r.Wrapped, place(r.Algorithm, r.Generation))
	if err != nil {
		return nil, fmt.Errorf("signing key %s does not open with this server's key: %w", r.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", r.ID, err)
	}
	return private.(crypto.Signer), nil
}

// place is authenticated with a wrapped key, so that a row moved elsewhere does
// not open.
func place(algorithm string, generation int32) []byte {
	return []byte(algorithm + " " + strconv.Itoa(int(generation)))
}
