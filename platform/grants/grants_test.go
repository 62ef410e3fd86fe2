package grants_test

import (
	"bytes"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const redirect = "https://app.example.com/cb"

// clock stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// node is one of several on the same database.
func node(pool *pgxpool.Pool, c *clock) *grants.Store {
	return grants.New(pool, grants.Config{Key: [32]byte{1}, Now: c.Now})
}

func newStore(t *testing.T) (*grants.Store, *pgxpool.Pool, *clock) {
	t.Helper()
	pool, c := postgrestest.New(t), &clock{now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}
	return node(pool, c), pool, c
}

func approval(verifier string) grants.Approval {
	return grants.Approval{
		ClientID: "app", User: uuid.New(), Session: uuid.New(), MemberOf: uuid.New(), Scope: []string{"openid", "offline_access"},
		Nonce: "n", AuthTime: time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC), RedirectURI: redirect, Challenge: oauth2.S256ChallengeFromVerifier(verifier),
	}
}

func TestCodeYieldsItsGrantOnce(t *testing.T) {
	t.Parallel()
	s, _, c := newStore(t)
	verifier := oauth2.GenerateVerifier()
	a := approval(verifier)
	code, err := s.IssueCode(t.Context(), a)
	require.NoError(t, err)
	r := grants.Redemption{Code: code, ClientID: "app", RedirectURI: redirect, Verifier: verifier}
	other := r
	other.ClientID = "evil"
	_, err = s.RedeemCode(t.Context(), other)
	require.ErrorIs(t, err, grants.ErrMismatch)
	g, err := s.RedeemCode(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, grants.Grant{
		ID: g.ID, ClientID: a.ClientID, User: a.User, Session: a.Session, Scope: a.Scope, Nonce: a.Nonce, AuthTime: a.AuthTime,
		CreatedAt: c.Now(), ExpiresAt: c.Now().Add(grants.RefreshLife), MemberOf: a.MemberOf,
	}, g)
	_, err = s.RedeemCode(t.Context(), r)
	require.ErrorIs(t, err, grants.ErrReplayed)
	late, err := s.IssueRefresh(t.Context(), g)
	require.NoError(t, err)
	_, err = s.PeekRefresh(t.Context(), late, a.ClientID)
	require.ErrorIs(t, err, grants.ErrUnknown, "what the first redemption was just about to get")
	revoked, err := s.Revocations(t.Context())
	require.NoError(t, err)
	require.Contains(t, revoked, g.ID.String())
}

// grant returns a fresh grant with its first refresh token.
func grant(t *testing.T, s *grants.Store) (grants.Grant, string) {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	code, err := s.IssueCode(t.Context(), approval(verifier))
	require.NoError(t, err)
	g, err := s.RedeemCode(t.Context(), grants.Redemption{Code: code, ClientID: "app", RedirectURI: redirect, Verifier: verifier})
	require.NoError(t, err)
	token, err := s.IssueRefresh(t.Context(), g)
	require.NoError(t, err)
	return g, token
}

// Nothing in the database is a code or a token.
func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	s, pool, _ := newStore(t)
	g, token := grant(t, s)
	successor, err := s.Rotate(t.Context(), token, "app", g.MemberOf)
	require.NoError(t, err)
	device, user, _, err := s.StartDevice(t.Context(), "app", "192.0.2.1", nil)
	require.NoError(t, err)
	_, err = s.SigningKeys(t.Context())
	require.NoError(t, err)
	for _, table := range []string{"oauth_grants", "oauth_codes", "oauth_refresh_tokens", "oauth_devices", "signing_keys"} {
		rows, err := pool.Query(t.Context(), "SELECT * FROM "+table)
		require.NoError(t, err)
		for rows.Next() {
			values, err := rows.Values()
			require.NoError(t, err)
			for _, value := range values {
				text := []byte{}
				switch value := value.(type) {
				case []byte:
					text = value
					_, err := x509.ParsePKCS8PrivateKey(value)
					require.Error(t, err, "a key in the clear")
				case string:
					text = []byte(value)
				}
				for _, secret := range []string{token, successor, device, user} {
					require.False(t, bytes.Contains(text, []byte(secret)), table)
				}
			}
		}
		require.NoError(t, rows.Err())
	}
}

func TestOfManyNodesOneRotates(t *testing.T) {
	t.Parallel()
	s, pool, c := newStore(t)
	for range 5 {
		g, token := grant(t, s)
		var all sync.WaitGroup
		var mu sync.Mutex
		successors := map[string]int{}
		for range 8 {
			all.Go(func() {
				successor, err := node(pool, c).Rotate(t.Context(), token, "app", g.MemberOf)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					successors[successor]++
				}
			})
		}
		all.Wait()
		require.Len(t, successors, 1)
		for successor, n := range successors {
			require.Equal(t, 8, n)
			_, err := s.Rotate(t.Context(), successor, "app", g.MemberOf)
			require.NoError(t, err)
		}
	}
}

func TestRefreshTokensSlideButNotForEver(t *testing.T) {
	t.Parallel()
	s, _, c := newStore(t)
	g, token := grant(t, s)
	idle, idleToken := grant(t, s)
	start := c.Now()
	for c.Now().Sub(start) < grants.RefreshLife-14*24*time.Hour {
		c.advance(13 * 24 * time.Hour)
		var err error
		token, err = s.Rotate(t.Context(), token, "app", g.MemberOf)
		require.NoError(t, err)
	}
	_, err := s.Rotate(t.Context(), idleToken, "app", idle.MemberOf)
	require.ErrorIs(t, err, grants.ErrUnknown, "not used for two weeks")
	c.advance(grants.RefreshLife - c.Now().Sub(start))
	_, err = s.PeekRefresh(t.Context(), token, "app")
	require.ErrorIs(t, err, grants.ErrUnknown, "the grant itself has ended")
	_, err = s.Rotate(t.Context(), token, "app", g.MemberOf)
	require.ErrorIs(t, err, grants.ErrUnknown)
}

func TestRevokingASessionOrAUserEndsGrants(t *testing.T) {
	t.Parallel()
	s, _, _ := newStore(t)
	a, tokenA := grant(t, s)
	b, tokenB := grant(t, s)
	c, tokenC := grant(t, s)
	require.NoError(t, s.RevokeSession(t.Context(), a.Session, "signed out"))
	require.NoError(t, s.RevokeUser(t.Context(), b.User, "disabled"))
	for _, token := range []string{tokenA, tokenB} {
		_, err := s.Rotate(t.Context(), token, "app", uuid.New())
		require.ErrorIs(t, err, grants.ErrUnknown)
		_, _, err = s.GrantOfRefresh(t.Context(), token, "app")
		require.ErrorIs(t, err, grants.ErrUnknown)
	}
	_, err := s.Rotate(t.Context(), tokenC, "app", c.MemberOf)
	require.NoError(t, err)
}

func TestConsentsAddUp(t *testing.T) {
	t.Parallel()
	s, _, _ := newStore(t)
	user, acme, beta := uuid.New(), uuid.New(), uuid.New()
	consented := func(client string, scope ...string) bool {
		ok, err := s.Consented(t.Context(), user, client, acme, scope)
		require.NoError(t, err)
		return ok
	}
	require.False(t, consented("app", "openid"))
	require.NoError(t, s.Consent(t.Context(), user, "app", acme, []string{"openid", "email"}))
	require.NoError(t, s.Consent(t.Context(), user, "app", acme, []string{"openid", "api"}))
	require.True(t, consented("app", "api", "email", "openid"))
	require.False(t, consented("app", "profile"))
	require.False(t, consented("other", "openid"))
	elsewhere, err := s.Consented(t.Context(), user, "app", beta, []string{"openid"})
	require.NoError(t, err)
	require.False(t, elsewhere, "in another tenant")
}

func TestSigningKeysRotateWithOverlap(t *testing.T) {
	t.Parallel()
	s, pool, c := newStore(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _, _ = node(pool, c).SigningKeys(t.Context()) })
	}
	all.Wait()
	first, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, first, 2, "nodes agree on one key of each algorithm")
	require.Equal(t, []string{grants.ES256, grants.RS256}, []string{first[0].Algorithm, first[1].Algorithm})

	c.advance(grants.RotateEvery - grants.PublishAhead)
	same, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, same, 2)
	c.advance(time.Second)
	both, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, both, 4, "published")
	require.Equal(t, first[0].ID, both[0].ID)
	require.Equal(t, c.Now().Add(grants.PublishAhead), both[1].SignsFrom, "before it signs")
	c.advance(grants.PublishAhead + grants.VerifyFor)
	still, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, still, 4, "the old one still verifies")
	c.advance(time.Second)
	last, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, last, 2)
	require.Equal(t, both[1].ID, last[0].ID)
}

func TestSigningKeysOpenOnlyInPlaceAndWithTheServersKey(t *testing.T) {
	t.Parallel()
	s, pool, c := newStore(t)
	_, err := s.SigningKeys(t.Context())
	require.NoError(t, err)
	_, err = grants.New(pool, grants.Config{Key: [32]byte{2}, Now: c.Now}).SigningKeys(t.Context())
	require.ErrorContains(t, err, "does not open")
	_, err = pool.Exec(t.Context(), "UPDATE signing_keys SET generation = 7 WHERE algorithm = 'ES256'")
	require.NoError(t, err)
	_, err = s.SigningKeys(t.Context())
	require.ErrorContains(t, err, "does not open")
}

func TestCleanDeletesWhatExpired(t *testing.T) {
	t.Parallel()
	s, pool, c := newStore(t)
	_, token := grant(t, s)
	_, _, _, err := s.StartDevice(t.Context(), "app", "", nil)
	require.NoError(t, err)
	require.NoError(t, s.RevokeToken(t.Context(), "some"))
	count := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM oauth_grants) + (SELECT count(*) FROM oauth_codes) +
			(SELECT count(*) FROM oauth_refresh_tokens) + (SELECT count(*) FROM oauth_devices) + (SELECT count(*) FROM oauth_revocations)`).Scan(&n))
		return n
	}
	require.Equal(t, 5, count())
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 5, count())
	c.advance(26 * time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Equal(t, 2, count(), "the grant and its refresh token live")
	_, err = s.PeekRefresh(t.Context(), token, "app")
	require.NoError(t, err)
	c.advance(grants.RefreshLife + 24*time.Hour)
	require.NoError(t, s.Clean(t.Context()))
	require.Zero(t, count())
}

func TestDeviceIsDecidedOnce(t *testing.T) {
	t.Parallel()
	s, _, c := newStore(t)
	device, user, interval, err := s.StartDevice(t.Context(), "app", "192.0.2.1", []string{"openid"})
	require.NoError(t, err)
	poll := func() error { _, err := s.PollDevice(t.Context(), device, "app"); return err }
	require.ErrorIs(t, poll(), grants.ErrPending)
	require.ErrorIs(t, poll(), grants.ErrSlowDown)
	c.advance(interval)
	require.ErrorIs(t, poll(), grants.ErrSlowDown, "the interval has grown")
	c.advance(3 * interval)
	require.ErrorIs(t, poll(), grants.ErrPending)
	d, err := s.DeviceByUserCode(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1", d.Address)
	require.NoError(t, s.ApproveDevice(t.Context(), d, approval("v")))
	require.ErrorIs(t, s.ApproveDevice(t.Context(), d, approval("v")), grants.ErrUnknown)
	require.ErrorIs(t, s.DenyDevice(t.Context(), d), grants.ErrUnknown)
	g, err := s.PollDevice(t.Context(), device, "app")
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, g.MemberOf)
	require.ErrorIs(t, poll(), grants.ErrUnknown)
}

func TestConsentsAreListedUsedAndWithdrawn(t *testing.T) {
	t.Parallel()
	s, _, c := newStore(t)
	verifier := oauth2.GenerateVerifier()
	a := approval(verifier)
	a.Agreed = []string{"openid", "to:https://app.example.com"}
	first := c.Now()
	_, err := s.IssueCode(t.Context(), a)
	require.ErrorIs(t, err, grants.ErrNotConsented)
	require.NoError(t, s.Consent(t.Context(), a.User, a.ClientID, a.MemberOf, []string{"openid"}))
	_, err = s.IssueCode(t.Context(), a)
	require.ErrorIs(t, err, grants.ErrNotConsented, "not that site")
	c.advance(time.Minute)
	require.NoError(t, s.Consent(t.Context(), a.User, a.ClientID, a.MemberOf, a.Agreed))
	list, err := s.Consents(t.Context(), a.User)
	require.NoError(t, err)
	want := grants.Consent{ClientID: "app", MemberOf: a.MemberOf, Scope: a.Agreed, GrantedAt: first}
	require.Equal(t, []grants.Consent{want}, list)

	code, err := s.IssueCode(t.Context(), a)
	require.NoError(t, err)
	g, err := s.RedeemCode(t.Context(), grants.Redemption{Code: code, ClientID: "app", RedirectURI: redirect, Verifier: verifier})
	require.NoError(t, err)
	token, err := s.IssueRefresh(t.Context(), g)
	require.NoError(t, err)
	list, err = s.Consents(t.Context(), a.User)
	require.NoError(t, err)
	want.UsedAt = c.Now()
	require.Equal(t, []grants.Consent{want}, list)
	c.advance(time.Hour)
	token, err = s.Rotate(t.Context(), token, "app", a.MemberOf)
	require.NoError(t, err)
	list, err = s.Consents(t.Context(), a.User)
	require.NoError(t, err)
	want.UsedAt = c.Now()
	require.Equal(t, []grants.Consent{want}, list)

	// What others granted, what this user granted another client, and what is for
	// another tenant, stays.
	staying := []grants.Approval{a, a, a}
	staying[0].User, staying[1].ClientID, staying[2].MemberOf = uuid.New(), "other", uuid.New()
	for _, one := range staying {
		one.Agreed = nil
		code, err := s.IssueCode(t.Context(), one)
		require.NoError(t, err)
		defer func() {
			_, err := s.RedeemCode(t.Context(), grants.Redemption{Code: code, ClientID: one.ClientID, RedirectURI: redirect, Verifier: verifier})
			require.NoError(t, err)
		}()
	}
	unused, err := s.IssueCode(t.Context(), a)
	require.NoError(t, err)
	deviceCode, userCode, _, err := s.StartDevice(t.Context(), "app", "", a.Scope)
	require.NoError(t, err)
	d, err := s.DeviceByUserCode(t.Context(), userCode)
	require.NoError(t, err)
	require.NoError(t, s.ApproveDevice(t.Context(), d, a))

	sessions, err := s.Withdraw(t.Context(), a.User, "app", a.MemberOf)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{a.Session, a.Session, a.Session}, sessions)
	_, err = s.PeekRefresh(t.Context(), token, "app")
	require.ErrorIs(t, err, grants.ErrUnknown)
	_, err = s.RedeemCode(t.Context(), grants.Redemption{Code: unused, ClientID: "app", RedirectURI: redirect, Verifier: verifier})
	require.ErrorIs(t, err, grants.ErrUnknown)
	_, err = s.PollDevice(t.Context(), deviceCode, "app")
	require.ErrorIs(t, err, grants.ErrUnknown)
	revoked, err := s.Revocations(t.Context())
	require.NoError(t, err)
	require.Len(t, revoked, 3)
	require.Contains(t, revoked, g.ID.String())
	list, err = s.Consents(t.Context(), a.User)
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = s.Withdraw(t.Context(), a.User, "app", a.MemberOf)
	require.ErrorIs(t, err, grants.ErrUnknown)
}

// However many withdraw while others are let in, nothing holds in the end that no
// consent covers.
func TestNothingOutlivesAWithdrawal(t *testing.T) {
	t.Parallel()
	s, pool, _ := newStore(t)
	a := approval("v")
	a.Agreed = []string{"openid"}
	for range 20 {
		require.NoError(t, s.Consent(t.Context(), a.User, a.ClientID, a.MemberOf, a.Agreed))
		var running sync.WaitGroup
		for range 3 {
			running.Go(func() {
				if _, err := s.IssueCode(t.Context(), a); err != nil {
					assert.ErrorIs(t, err, grants.ErrNotConsented)
				}
			})
		}
		running.Go(func() {
			_, err := s.Withdraw(t.Context(), a.User, a.ClientID, a.MemberOf)
			assert.NoError(t, err)
		})
		running.Wait()
		var live int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM oauth_grants WHERE revoked_at IS NULL").Scan(&live))
		require.Zero(t, live)
	}
}
