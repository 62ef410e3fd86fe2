package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zalando/go-keyring"
)

// place is where the tokens of a profile are.
type place string

const (
	inKeyring place = "keyring"
	inFile    place = "file"
)

// grant is what a sign-in was given.
type grant struct {
	Server  string    `json:"server"` // the only one that may see the tokens
	Access  string    `json:"access_token"`
	Expires time.Time `json:"expires_at"`
	Refresh string    `json:"refresh_token"`
	Tenant  string    `json:"tenant"` // that the access token was asked for
}

// expiryMargin: a token that ends this soon could end on its way to the server.
const expiryMargin = 20 * time.Second

// good reports whether the access token can still be used in a tenant.
func (g grant) good(tenant string) bool {
	return g.Access != "" && g.Tenant == tenant && (g.Expires.IsZero() || time.Until(g.Expires) > expiryMargin)
}

// keyringStore is the part of the system's keyring that is used.
type keyringStore interface {
	Set(service, user, secret string) error
	Get(service, user string) (string, error)
	Delete(service, user string) error
}

// keyringService names Tansu's entries in the keyring.
const keyringService = "tansu"

// keyringPatience bounds a call of the keyring: on a machine without a screen it
// may wait for ever for somebody to unlock it.
const keyringPatience = 5 * time.Second

var (
	errKeyringSilent = errors.New("the keyring does not answer")
	errNoTokens      = errors.New("there are no tokens")
)

// vault keeps the tokens of profiles in the keyring of the system, or where
// there is none in files that only their owner can read.
type vault struct {
	ring keyringStore
	dir  string
}

func (v vault) file(name string) string { return filepath.Join(v.dir, name+".json") }

func (v vault) get(name string, at place) (grant, error) {
	var raw string
	var err error
	switch at {
	case inKeyring:
		raw, err = patiently(func() (string, error) { return v.ring.Get(keyringService, name) })
	case inFile:
		var b []byte
		b, err = os.ReadFile(v.file(name))
		raw = string(b)
	default:
		err = errNoTokens
	}
	if errors.Is(err, keyring.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		err = errNoTokens
	}
	if err != nil {
		return grant{}, fmt.Errorf("read the tokens of profile %s: %w", name, err)
	}
	var g grant
	if err := json.Unmarshal([]byte(raw), &g); err != nil {
		return grant{}, fmt.Errorf("read the tokens of profile %s: %w", name, errNoTokens)
	}
	return g, nil
}

// put keeps tokens in the wanted place, or in a file if the keyring refuses;
// why is its reason.
func (v vault) put(name string, want place, g grant) (at place, why, _ error) {
	raw, err := json.Marshal(g)
	if err != nil {
		return "", nil, fmt.Errorf("encode the tokens: %w", err)
	}
	if want == inKeyring {
		_, why = patiently(func() (struct{}, error) { return struct{}{}, v.ring.Set(keyringService, name, string(raw)) })
		if why == nil {
			return inKeyring, nil, nil
		}
	}
	return inFile, why, writePrivate(v.file(name), raw)
}

// drop forgets tokens.
func (v vault) drop(name string, at place) error {
	var err error
	switch at {
	case inKeyring:
		_, err = patiently(func() (struct{}, error) { return struct{}{}, v.ring.Delete(keyringService, name) })
	case inFile:
		err = os.Remove(v.file(name))
	}
	if err != nil && !errors.Is(err, keyring.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the tokens of profile %s: %w", name, err)
	}
	return nil
}

// patiently waits for the keyring, but not for ever. A call that is given up
// ends with the process.
func patiently[T any](call func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := call()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-time.After(keyringPatience):
		var none T
		return none, errKeyringSilent
	}
}

// systemKeyring is the keyring of the operating system.
type systemKeyring struct{}

func (systemKeyring) Set(service, user, secret string) error {
	return keyring.Set(service, user, secret)
}

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }

func (systemKeyring) Delete(service, user string) error { return keyring.Delete(service, user) }
