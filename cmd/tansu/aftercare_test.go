package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"tansu.cloud/platform/stopwatchtest"
	"tansu.cloud/sdk/go/feed"
)

// A node is killed again and again at whatever point the erasure of its people is.
// At the end they are nowhere, and each effect is there once.
func TestErasureOnAKilledNode(t *testing.T) {
	t.Parallel()
	s := newSite(t, "TANSU_HTTP_DRAIN_DELAY=0s", "TANSU_NODE_ID=one")
	pool, err := pgxpool.New(t.Context(), s.dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	acme, beta := s.newTenant("acme"), s.newTenant("beta")
	count := func(types ...string) (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM events WHERE type = ANY ($1)", types).Scan(&n))
		return n
	}
	effects := []string{"member.removed", "ownership.released", "invite.revoked"}
	const rounds, each = 4, 4 // effects of one erasure
	for round := range rounds {
		email := fmt.Sprintf("leaver-%d@example.com", round)
		person := create[struct{ ID string }](s, "", "/v1/users", map[string]any{"email": email, "name": "Leaver"})
		owned := s.newTenant(fmt.Sprintf("owned-%d", round))
		for tenant, role := range map[string]string{owned: "owner", acme: "viewer"} {
			create[struct{}](s, tenant, "/v1/members", map[string]any{"user_id": person.ID, "roles": []string{role}})
		}
		create[struct{}](s, beta, "/v1/invites", map[string]any{"email": email, "roles": []string{"viewer"}})
		s.letters.link(email)
		before := count(effects...)
		s.do(http.StatusOK, request{method: http.MethodPost, path: "/v1/users/" + person.ID + "/erase", body: map[string]any{"reason": "asked for it"}})
		until := before + rand.IntN(each)
		require.Eventually(t, func() bool { return count(effects...) >= until }, time.Minute, time.Millisecond)
		s.crash()
	}
	require.Eventually(t, func() bool { return count(effects...) >= rounds*each }, 3*time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		var due int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM jobs WHERE kind = 'user.depart' AND state <> 'done' AND key NOT LIKE '%/again'").Scan(&due))
		return due == 0
	}, 3*time.Minute, 50*time.Millisecond)
	require.Equal(t, 2*rounds, count("member.removed"))
	require.Equal(t, rounds, count("ownership.released"))
	require.Equal(t, rounds, count("invite.revoked"))
	require.NotContains(t, s.database(), "leaver-")
	rows, err := pool.Query(t.Context(), "SELECT DISTINCT metadata->>'actor' FROM events WHERE type = ANY ($1)", effects)
	require.NoError(t, err)
	actors, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"system:departures"}, actors)
}

// A node dies between the answer that shows a secret and whatever it does next: the
// secret holds for ever. And what was revoked does not stay.
func TestSecretsOnAKilledNode(t *testing.T) {
	t.Parallel()
	s := newSite(t, "TANSU_HTTP_DRAIN_DELAY=0s", "TANSU_NODE_ID=one")
	pool, err := pgxpool.New(t.Context(), s.dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	acme := s.newTenant("acme")
	type apiKey struct{ ID, Key string }
	var keys []apiKey
	for range 3 {
		keys = append(keys, create[apiKey](s, acme, "/v1/api-keys", map[string]any{"name": "k", "permissions": []string{"members.read"}}))
		s.crash()
	}
	s.do(http.StatusOK, request{method: http.MethodPost, tenant: acme, path: "/v1/api-keys/" + keys[0].ID + "/revoke", body: map[string]any{}})
	s.crash()
	var kept, left int
	require.Eventually(t, func() bool {
		err := pool.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE delete_after IS NULL), count(*) FROM api_key_hashes").Scan(&kept, &left)
		return err == nil && kept == 2 && left == 2
	}, time.Minute, 20*time.Millisecond, "%d kept, %d left", kept, left)
	s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/members", token: keys[1].Key})
	s.refused(keys[0].Key)
}

// Whatever ends a client or a service account ends its tokens within a second, on
// requests and on an open socket. It does so too if the node that was asked to dies
// at once; then the others may have to find out by themselves, which takes them up to
// a second more. A machine that is busy takes longer now and then, so the second is
// asked of the fastest.
func TestTokensEndWithTheirClient(t *testing.T) {
	t.Parallel()
	s, watch := newSite(t), stopwatchtest.Start(t)
	acme, h := s.newTenant("acme"), newShop(s)
	s.invite(newVisitor(t, nil), acme, "ann@example.com", "Ann Example", "admin")
	ann := newVisitor(t, h.network)
	page := ann.submit(ann.get(shopURL+"/login"), s.url+"/auth/login", "email", "ann@example.com", "password", passphrase)
	ann.submit(page, s.url+"/auth/consent", "decision", "allow")
	token := <-h.signedIn
	account := create[serviceAccountInfo](s, acme, "/v1/service-accounts", map[string]any{"name": "Billing", "roles": []string{"viewer"}})
	buy := func(secret string) string {
		t.Helper()
		program := clientcredentials.Config{ClientID: account.ClientID, ClientSecret: secret, TokenURL: h.Endpoint.TokenURL}
		bought, err := program.Token(t.Context())
		require.NoError(t, err)
		return bought.AccessToken
	}
	first, bought := buy(account.ClientSecret), time.Now()

	fastest := time.Hour
	ends := func(what, token string, dies bool, r request) (answer []byte) {
		t.Helper()
		front := *s
		if dies {
			front.program = startProgram(t, append(slices.Clone(s.env), "TANSU_HTTP_ADDR="+freeAddr(t), "TANSU_NODE_ID=front", "TANSU_ROLES=api"), "serve").ready()
		}
		s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token})
		closed, opened := make(chan time.Duration, 1), make(chan struct{})
		go func() {
			client := feed.Client{URL: s.url, Token: feed.StaticToken(token)}
			for _, err := range client.Subscribe(t.Context(), feed.Subscription{OnSubscribed: func(int64) { close(opened) }}) {
				if err != nil {
					closed <- watch.Read()
					return
				}
			}
		}()
		<-opened
		r.from = http.Header{"Prefer": {"respond-async"}} // the answer is there before anything follows
		status, answer := front.send(r)
		began := watch.Read()
		if dies {
			front.signal(syscall.SIGKILL)
			front.wait()
		}
		require.Less(t, status, 300, "%s", answer)
		require.Eventually(t, func() bool { return s.status("/v1/me", token) == http.StatusUnauthorized }, time.Minute, 5*time.Millisecond, what)
		refused := watch.Read() - began
		select {
		case at := <-closed:
			t.Logf("%s: requests are refused after %s, the socket is closed after %s", what, refused, at-began)
			if took := max(refused, at-began); !dies {
				fastest = min(fastest, took)
			}
		case <-time.After(time.Minute):
			require.Fail(t, "the socket stays open", what)
		}
		return answer
	}
	path := "/v1/service-accounts/" + account.ID
	require.Eventually(t, func() bool { return time.Now().Unix() > bought.Unix() }, time.Minute, time.Millisecond, "tokens know whole seconds")
	rotate := request{method: http.MethodPost, tenant: acme, path: path + "/rotate-secret", body: map[string]any{"overlap_seconds": 0}}
	var rotated serviceAccountInfo
	require.NoError(t, json.Unmarshal(ends("a secret that is replaced at once", first, false, rotate), &rotated))
	ends("a service account that is disabled", buy(rotated.ClientSecret), false,
		request{method: http.MethodPost, tenant: acme, path: path + "/disable", body: map[string]any{"reason": "odd"}})
	s.do(http.StatusOK, request{method: http.MethodPost, tenant: acme, path: path + "/enable", body: map[string]any{}})
	next := time.Now().Unix()
	require.Eventually(t, func() bool { return time.Now().Unix() > next }, time.Minute, time.Millisecond)
	ends("a service account that is deleted by a node that dies", buy(rotated.ClientSecret), true,
		request{method: http.MethodDelete, tenant: acme, path: path})
	ends("a client that is disabled by a node that dies", token.AccessToken, true,
		request{method: http.MethodPost, path: "/v1/clients/" + h.ClientID + "/disable", body: map[string]any{"reason": "odd"}})
	require.Less(t, fastest, time.Second)

	// Nothing comes back with it: people sign in again.
	s.do(http.StatusOK, request{method: http.MethodPost, path: "/v1/clients/" + h.ClientID + "/enable", body: map[string]any{}})
	require.Equal(t, http.StatusUnauthorized, s.status("/v1/me", token.AccessToken))
	_, refusal := h.refresh(t, token.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
}
