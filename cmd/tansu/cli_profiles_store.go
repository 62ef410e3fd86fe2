package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"
)

// profile is a sign-in at one server. Its tokens are kept apart, see vault.
type profile struct {
	Server   string `json:"server"`
	User     string `json:"user,omitempty"`
	TenantID string `json:"tenant_id,omitempty"` // where the sign-in acts unless a command says otherwise
	// Tenants are those that the user was a member of when last asked: ids by slug.
	Tenants map[string]string `json:"tenants,omitempty"`
	Tokens  place             `json:"tokens,omitempty"` // none after a sign-out
}

// tenant finds the id of the tenant that a command names, the sign-in's own if
// it names none.
func (p profile) tenant(named string) (id string, known bool) {
	if named == "" {
		return p.TenantID, true
	}
	if id, known = p.Tenants[named]; known {
		return id, true
	}
	return named, slices.Contains(slices.Collect(maps.Values(p.Tenants)), named)
}

// tenantName is what people call the tenant of the sign-in.
func (p profile) tenantName() string {
	for slug, id := range p.Tenants {
		if id == p.TenantID {
			return slug
		}
	}
	return p.TenantID
}

// profileBook is the file of all profiles.
type profileBook struct {
	InUse    string             `json:"in_use,omitempty"`
	Profiles map[string]profile `json:"profiles"`
}

// profileStore keeps profiles in the user's configuration folder. Several
// processes may use it at once.
type profileStore struct {
	dir   string
	vault vault
}

// lockRetry is how often a process looks whether another has finished.
const lockRetry = 20 * time.Millisecond

var profileNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func newProfileStore(getenv func(string) string) *profileStore {
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		dir = xdg.ConfigHome
	}
	dir = filepath.Join(dir, "tansu")
	return &profileStore{dir: dir, vault: vault{ring: systemKeyring{}, dir: filepath.Join(dir, "tokens")}}
}

func (s *profileStore) file() string { return filepath.Join(s.dir, "profiles.json") }

// load reads all profiles; without the file there are none.
func (s *profileStore) load() (profileBook, error) {
	book := profileBook{Profiles: map[string]profile{}}
	raw, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return book, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &book)
	}
	if err != nil {
		return profileBook{}, fmt.Errorf("the profiles in %s cannot be read; repair the file, or remove it and run tansu login: %w", s.file(), err)
	}
	return book, nil
}

// update changes the profiles, one process at a time.
func (s *profileStore) update(ctx context.Context, change func(*profileBook) error) error {
	unlock, err := lockFile(ctx, filepath.Join(s.dir, "profiles.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	book, err := s.load()
	if err != nil {
		return err
	}
	if err := change(&book); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(book, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the profiles: %w", err)
	}
	return writePrivate(s.file(), append(raw, '\n'))
}

// lockTokens keeps others away from the tokens of a profile.
func (s *profileStore) lockTokens(ctx context.Context, name string) (unlock func(), _ error) {
	return lockFile(ctx, filepath.Join(s.vault.dir, name+".lock"))
}

// lockFile keeps other processes, and other holders in this one, away from
// something until the returned function is called.
func lockFile(ctx context.Context, path string) (unlock func(), _ error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the profiles: %w", err)
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("another tansu holds %s: %w", l.Path(), ctx.Err())
		}
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil // the file stays: removing it would let two in
}

// of finds the profile to use at a server: the one in use, else the only one
// that is signed in there.
func (b profileBook) of(server string) (name string, found bool) {
	if p, ok := b.Profiles[b.InUse]; ok && sameServer(p.Server, server) {
		return b.InUse, true
	}
	for _, n := range slices.Sorted(maps.Keys(b.Profiles)) {
		if p := b.Profiles[n]; p.Tokens == "" || !sameServer(p.Server, server) {
			continue
		}
		if found {
			return "", false
		}
		name, found = n, true
	}
	return name, found
}

// named finds a profile that the command line names.
func (b profileBook) named(name string) (profile, error) {
	p, ok := b.Profiles[name]
	if !ok {
		return profile{}, usagef("there is no profile %q; see 'tansu profiles list', or make it with 'tansu login --profile %s'", name, name)
	}
	return p, nil
}

// sameServer decides whether a token of one address may be sent to the other.
func sameServer(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	if errX != nil || errY != nil || x.Scheme != y.Scheme || port(x) != port(y) ||
		strings.TrimSuffix(x.Path, "/") != strings.TrimSuffix(y.Path, "/") {
		return false
	}
	return strings.EqualFold(x.Hostname(), y.Hostname()) || loopback(x.Hostname()) && loopback(y.Hostname())
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// profileName makes a name from the address of a server.
func profileName(server *url.URL) string {
	name := strings.Map(func(r rune) rune {
		if profileNames.MatchString("a" + string(r)) {
			return r
		}
		return '-'
	}, server.Host)
	return strings.Trim(name, "-._")
}

// writePrivate replaces a file at once with one that only its owner can read.
func writePrivate(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
