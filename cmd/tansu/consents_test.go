package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

// Somebody lets a shop in and changes their mind: nothing of it holds any more, on
// sockets neither. Of what is changed about how they sign in, they are told.
func TestAnApplicationIsLetInAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, h := s.newTenant("acme"), newShop(s)
	beta := s.newTenant("beta")
	s.invite(newVisitor(t, nil), acme, "ann@example.com", "Ann Example", "admin")
	ann := newVisitor(t, h.network)
	page := ann.submit(ann.get(shopURL+"/login"), s.url+"/auth/login", "email", "ann@example.com", "password", passphrase)
	ann.submit(page, s.url+"/auth/consent", "decision", "allow")
	token := <-h.signedIn

	var me meInfo
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token.AccessToken}), &me))
	create[struct{}](s, beta, "/v1/members", map[string]any{"user_id": me.User.ID, "roles": []string{"owner"}})
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token.AccessToken}), &me))
	require.Len(t, me.Memberships, 1, "the shop was let in in one tenant")
	require.Equal(t, http.StatusForbidden, s.status("/v1/consents", token.AccessToken))

	opened, closed := make(chan struct{}), make(chan error, 1)
	go func() {
		client := feed.Client{URL: s.url, Token: feed.StaticToken(token.AccessToken)}
		for _, err := range client.Subscribe(t.Context(), feed.Subscription{OnSubscribed: func(int64) { close(opened) }}) {
			if err != nil {
				closed <- err
				return
			}
		}
	}()
	<-opened
	page = ann.get(s.url + "/auth/security")
	require.Contains(t, page, "Withdraw access of Shop to acme")
	require.Contains(t, page, "Last used")
	require.Contains(t, ann.submit(page, s.url+"/auth/security/application/withdraw"), "You have let none in")
	s.refused(token.AccessToken)
	require.Error(t, <-closed)
	_, refusal := h.refresh(t, token.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
	require.Contains(t, ann.get(shopURL+"/login"), "Choose a tenant", "she is in two now")

	ann.post(s.url+"/auth/forgot", map[string][]string{"email": {"ann@example.com"}})
	page = ann.get(s.letters.link("ann@example.com"))
	ann.submit(page, s.url+"/auth/reset", "password", "another "+passphrase)
	require.Equal(t, s.url+"/auth/security", s.letters.link("ann@example.com"), "the notice")
}
