package federation

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// How keys of issuers are asked for. Anybody can send a token that names an issuer
// and a key that it does not have, so a token never causes more than these allow.
const (
	keysEvery  = 5 * time.Second  // the least time between two questions to an issuer
	keysFresh  = 10 * time.Minute // after this they are asked for again
	keysKept   = time.Hour        // for so long they count if the issuer cannot be reached
	keysWait   = 3 * time.Second  // a request waits for an answer
	maxIssuers = 500              // whose keys are remembered
	maxAsking  = 64               // issuers that are asked at once
	maxWaiting = 500              // requests that wait for one of them
	maxKeySet  = 128 << 10        // bytes
	maxKeys    = 50
)

// signer is what is known of an issuer's keys.
type signer struct {
	mu     sync.Mutex
	keys   []jose.JSONWebKey
	read   time.Time     // when the keys were asked for; zero: there are none
	asked  time.Time     // when the issuer was asked last
	err    error         // what came of that
	asking chan struct{} // closed when the question that is under way has its answer; nil: there is none

	waiting int // for that
}

// signerOf returns the one signer of an issuer.
func (c *Client) signerOf(issuer string) *signer {
	if s, known := c.signers.Get(issuer); known {
		return s
	}
	s := &signer{}
	if before, known, _ := c.signers.PeekOrAdd(issuer, s); known {
		return before
	}
	return s
}

// after returns the keys of an issuer, which were asked for after a time if that is
// possible now. The error is of the last question; there may be older keys then.
func (s *signer) after(ctx context.Context, c *Client, issuer string, t time.Time) (keys []jose.JSONWebKey, read time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.now()
	if s.read.After(t) {
		return s.keys, s.read, nil
	}
	if s.asking == nil {
		if now.Sub(s.asked) < keysEvery {
			return s.keys, s.read, s.err
		}
		s.asking, s.asked = make(chan struct{}), now
		go s.ask(c, issuer, now)
	}
	if s.waiting >= maxWaiting {
		return s.keys, s.read, fmt.Errorf("%w: keys: too many wait for them", ErrUnreachable)
	}
	answered := s.asking
	s.waiting++
	s.mu.Unlock()
	wait := time.NewTimer(keysWait)
	select {
	case <-answered:
	case <-wait.C:
		err = fmt.Errorf("%w: keys: no answer yet", ErrUnreachable)
	case <-ctx.Done():
		err = ctx.Err()
	}
	wait.Stop()
	s.mu.Lock()
	s.waiting--
	if err == nil {
		err = s.err
	}
	return s.keys, s.read, err
}

// ask goes on if the request ends that caused it: others wait for the answer too.
func (s *signer) ask(c *Client, issuer string, now time.Time) {
	var keys []jose.JSONWebKey
	err := fmt.Errorf("%w: too many others are asked", ErrUnreachable)
	select {
	case c.asking <- struct{}{}:
		keys, err = c.readKeys(issuer)
		<-c.asking
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err == nil {
		s.keys, s.read = keys, now
	}
	close(s.asking)
	s.asking = nil
}

// readKeys asks an issuer for its keys.
func (c *Client) readKeys(issuer string) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	d, err := c.discover(ctx, issuer)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.document.KeysURL, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the address of its keys is malformed", ErrUnreachable)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: keys: %w", ErrUnreachable, brief(err))
	}
	defer resp.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxKeySet)).Decode(&set) != nil {
		return nil, fmt.Errorf("%w: its keys cannot be read", ErrUnreachable)
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey // of kinds that the library does not know there may be some
		if json.Unmarshal(raw, &key) == nil && signs(key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// signs reports whether a key is a public one for signatures, of a size with which
// it is neither weak nor slow.
func signs(key jose.JSONWebKey) bool {
	if !key.Valid() || key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= 2048 && public.N.BitLen() <= 8192
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// keySet checks the signature of one token by the keys of its issuer.
type keySet struct {
	client *Client
	issuer string
	err    error // what VerifySignature returned
}

// VerifySignature implements the key set of go-oidc.
func (k *keySet) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, err = k.verify(ctx, token)
	k.err = err
	return payload, err
}

func (k *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, Refusal("its algorithm is not accepted")
	}
	if typ, named := parsed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; named && !isAccessType(typ) {
		return nil, Refusal("its type is that of another kind of token")
	}
	signer := k.client.signerOf(k.issuer)
	keys, read, err := signer.after(ctx, k.client, k.issuer, k.client.now().Add(-keysFresh))
	if err != nil && (read.IsZero() || k.client.now().Sub(read) > keysKept || ctx.Err() != nil) {
		return nil, err
	}
	if payload, ok := open(parsed, keys); ok {
		return payload, nil
	}
	keys, again, err := signer.after(ctx, k.client, k.issuer, read) // the key may be a new one
	if again.After(read) {
		if payload, ok := open(parsed, keys); ok {
			return payload, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, Refusal("its signature is by no key of its issuer")
}

func isAccessType(typ any) bool {
	name, _ := typ.(string)
	switch strings.ToLower(name) {
	case "jwt", "at+jwt", "application/at+jwt":
		return true
	}
	return false
}

// open returns the payload of a token that one of the keys has signed.
func open(parsed *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	header := parsed.Signatures[0].Protected
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := parsed.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
