package oidc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"tansu.cloud/platform/grants"
)

const (
	keysEvery        = time.Minute
	revocationsEvery = 500 * time.Millisecond
	// unknownEvery bounds how often a token with an unknown key makes the process
	// look for new ones.
	unknownEvery = 10 * time.Second
)

// keyring holds the signing keys and the revocations in memory, so that tokens
// are verified without the database.
type keyring struct {
	grants  Grants
	now     func() time.Time
	keys    atomic.Pointer[[]grants.SigningKey]
	revoked atomic.Pointer[map[string]time.Time]

	loading  sync.Mutex
	loadedAt atomic.Int64 // Unix nanoseconds
}

// all returns the published keys, from the database the first time, and when
// nobody has asked it for long.
func (k *keyring) all(ctx context.Context) ([]grants.SigningKey, error) {
	keys, err := k.load(ctx, 2*keysEvery)
	if have := k.keys.Load(); err != nil && have != nil {
		return *have, nil
	}
	return keys, err
}

// load asks the database unless that was done less than minAge ago.
func (k *keyring) load(ctx context.Context, minAge time.Duration) ([]grants.SigningKey, error) {
	if have, fresh := k.loaded(minAge); fresh {
		return have, nil
	}
	k.loading.Lock()
	defer k.loading.Unlock()
	if have, fresh := k.loaded(minAge); fresh {
		return have, nil
	}
	keys, err := k.grants.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	k.keys.Store(&keys)
	k.loadedAt.Store(k.now().UnixNano())
	return keys, nil
}

func (k *keyring) loaded(minAge time.Duration) (keys []grants.SigningKey, fresh bool) {
	have := k.keys.Load()
	if have == nil || k.now().UnixNano()-k.loadedAt.Load() >= int64(minAge) {
		return nil, false
	}
	return *have, true
}

// find returns the key of an id and algorithm.
func (k *keyring) find(ctx context.Context, id, algorithm string) (grants.SigningKey, bool) {
	keys, err := k.all(ctx)
	if err != nil {
		return grants.SigningKey{}, false
	}
	if key, ok := pick(keys, id, algorithm); ok {
		return key, true
	}
	if keys, err = k.load(ctx, unknownEvery); err != nil {
		return grants.SigningKey{}, false
	}
	return pick(keys, id, algorithm)
}

func pick(keys []grants.SigningKey, id, algorithm string) (grants.SigningKey, bool) {
	for _, key := range keys {
		if key.ID == id && key.Algorithm == algorithm {
			return key, true
		}
	}
	return grants.SigningKey{}, false
}

// sign returns a compact JWS of the newest key that may sign by now.
func (k *keyring) sign(ctx context.Context, algorithm, typ string, payload []byte) (string, error) {
	keys, err := k.all(ctx)
	if err != nil {
		return "", err
	}
	var key grants.SigningKey
	for _, candidate := range keys {
		if candidate.Algorithm == algorithm && !candidate.SignsFrom.After(k.now()) {
			key = candidate
		}
	}
	if key.Private == nil {
		return "", fmt.Errorf("there is no %s key to sign with", algorithm)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)),
	)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// public is what the keys endpoint shows.
func (k *keyring) public(ctx context.Context) (jose.JSONWebKeySet, error) {
	keys, err := k.all(ctx)
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"})
	}
	return set, err
}

// loadRevocations brings up to date what was revoked.
func (k *keyring) loadRevocations(ctx context.Context) error {
	ended, err := k.grants.Revocations(ctx)
	if err != nil {
		return err
	}
	k.revoked.Store(&ended)
	return nil
}

// isRevoked reports whether a token has ended early: by itself, with its grant, or
// with all that its client or service account had got by then.
func (k *keyring) isRevoked(c Claims) bool {
	revoked := k.revoked.Load()
	if revoked == nil {
		return false
	}
	if _, one := (*revoked)[c.ID]; one {
		return true
	}
	if _, family := (*revoked)[c.Grant]; family && c.Grant != "" {
		return true
	}
	holder := c.ClientID
	if c.ServiceAccountID != uuid.Nil {
		holder = c.ServiceAccountID.String()
	}
	until, all := (*revoked)[holder]
	return all && !c.IssuedAt.After(until)
}
