package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/users"
)

func TestDiscoveryPromisesWhatIsThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		d := r.send(http.MethodGet, path, "").json()
		require.Equal(t, r.server.URL, d["issuer"])
		require.Equal(t, []any{"code"}, d["response_types_supported"])
		require.Equal(t, []any{"S256"}, d["code_challenge_methods_supported"])
		require.Equal(t, true, d["authorization_response_iss_parameter_supported"])
		require.Contains(t, d["id_token_signing_alg_values_supported"], "RS256")
		require.NotContains(t, d["grant_types_supported"], "implicit")
		for name, value := range d {
			if endpoint, ok := value.(string); ok && strings.HasSuffix(name, "_endpoint") {
				got := r.send(http.MethodGet, strings.TrimPrefix(endpoint, r.server.URL), "")
				require.NotEqual(t, http.StatusNotFound, got.status, name)
			}
		}
	}
	keys := r.send(http.MethodGet, "/oauth/keys", "")
	require.Contains(t, keys.header.Get("Cache-Control"), "max-age")
	algorithms := []string{}
	for _, key := range keys.json()["keys"].([]any) {
		key := key.(map[string]any)
		require.NotContains(t, key, "d", "no private half")
		algorithms = append(algorithms, key["alg"].(string))
	}
	slices.Sort(algorithms)
	require.Equal(t, []string{"ES256", "RS256"}, algorithms)
	require.Equal(t, http.StatusMethodNotAllowed, r.send(http.MethodPost, "/oauth/keys", "x=1").status)
}

func TestRefreshRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _ = r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	refresh := e.token(t)["refresh_token"].(string)
	for name, c := range map[string]struct {
		form   url.Values
		auth   string
		status int
		code   string
	}{
		"more scope":       {url.Values{"scope": {"openid profile"}}, good, 400, "invalid_scope"},
		"unknown scope":    {url.Values{"scope": {"root"}}, good, 400, "invalid_scope"},
		"other resource":   {url.Values{"resource": {"https://evil.example"}}, good, 400, "invalid_target"},
		"tenant by name":   {url.Values{"tenant": {"acme"}}, good, 400, "invalid_request"},
		"a foreign tenant": {url.Values{"tenant": {r.tenant("other", "Other").String()}}, good, 400, "invalid_grant"},
		"system tenant":    {url.Values{"tenant": {uuid.Nil.String()}}, good, 400, "invalid_grant"},
		"another client":   {url.Values{"client_id": {oidc.ClientCLI}}, "", 400, "invalid_grant"},
		"no client":        {url.Values{}, "", 400, "invalid_request"},
		"wrong secret":     {url.Values{}, basic(e.ClientID, "x"), 401, "invalid_client"},
		"flipped":          {url.Values{"refresh_token": {flip(refresh, 3)}}, good, 400, "invalid_grant"},
		"missing":          {url.Values{"refresh_token": {""}}, good, 400, "invalid_request"},
		"access token":     {url.Values{"refresh_token": {e.token(t)["access_token"].(string)}}, good, 400, "invalid_grant"},
	} {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		for k, v := range c.form {
			form[k] = v
		}
		var headers []string
		if c.auth != "" {
			headers = []string{c.auth}
		}
		got := r.token(form, headers...)
		require.Equal(t, c.code, got.code(), name)
		require.Equal(t, c.status, got.status, name)
	}
	narrowed := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"openid"}}, good).ok()
	require.Equal(t, "openid", narrowed["scope"])
	_, err := r.provider.Verify(t.Context(), narrowed["access_token"].(string))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid, "without the scope api it is for userinfo only")
	require.Contains(t, r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {narrowed["refresh_token"].(string)}}, good).ok()["scope"], "api")
}

// What tokens depend on is looked at whenever they are minted.
func TestMintingFollowsWhatChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r *rig, tenant, user uuid.UUID, client string){
		"no member any more": func(r *rig, tenant, user uuid.UUID, _ string) {
			other := r.user("bob@example.com")
			r.member(tenant, other, permission.Owner)
			do(r, r.commands.RemoveMember, access.Name, tenant, user.String(), commands.RemoveMember{Reason: "left"})
		},
		"user disabled": func(r *rig, _, user uuid.UUID, _ string) {
			do(r, r.commands.DisableUser, users.Name, eventstore.SystemTenant, user.String(), commands.DisableUser{Reason: "left"})
		},
		"session ended": func(r *rig, _, user uuid.UUID, _ string) {
			live, err := r.users.Sessions(r.t.Context(), user)
			require.NoError(r.t, err)
			for _, s := range live {
				do(r, r.commands.EndSession, users.Name, eventstore.SystemTenant, s.ID.String(), commands.EndSession{Reason: "by admin"})
			}
		},
		"client disabled": func(r *rig, _, _ uuid.UUID, client string) {
			do(r, r.commands.DisableClient, clients.Name, eventstore.SystemTenant, client, commands.DisableClient{Reason: "bad"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tenant, user := r.someone()
			e := r.exchanger()
			form, token := e.form(), e.token(t)
			good := basic(e.ClientID, e.ClientSecret)
			change(r, tenant, user, e.ClientID)
			want := "invalid_grant"
			if name == "client disabled" {
				want = "invalid_client"
			}
			require.Equal(t, want, r.token(form, good).code(), "a code under way")
			require.Equal(t, want, r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token["refresh_token"].(string)}}, good).code())
			if name == "user disabled" || name == "session ended" {
				require.Equal(t, http.StatusUnauthorized, r.send(http.MethodGet, "/oauth/userinfo", "", "Authorization: Bearer "+token["access_token"].(string)).status)
				e.authorize(e.b, "x").shows(http.StatusOK, "Sign in")
			}
		})
	}
}

func TestServiceAccountRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	account, id, secret := r.serviceAccount(tenant, permission.Viewer)
	_, otherID, otherSecret := r.serviceAccount(r.tenant("other", "Other"), permission.Viewer)
	for name, c := range map[string]struct {
		auth  string
		more  url.Values
		error string
	}{
		"wrong secret":      {basic(id, "tss_x"), nil, "invalid_client"},
		"another's secret":  {basic(id, otherSecret), nil, "invalid_client"},
		"another's id":      {basic(otherID, secret), nil, "invalid_client"},
		"flipped id":        {basic(flip(id, 20), secret), nil, "invalid_client"},
		"short id":          {basic("tsa_abc", secret), nil, "invalid_client"},
		"more scope":        {basic(id, secret), url.Values{"scope": {"openid"}}, "invalid_scope"},
		"other resource":    {basic(id, secret), url.Values{"resource": {"https://x"}}, "invalid_target"},
		"public client":     {"", url.Values{"client_id": {oidc.ClientCLI}}, "unauthorized_client"},
		"code grant":        {basic(id, secret), url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"x"}}, "unauthorized_client"},
		"refresh grant":     {basic(id, secret), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, "unauthorized_client"},
		"device code grant": {basic(id, secret), url.Values{"grant_type": {deviceGrant}, "device_code": {"x"}}, "unauthorized_client"},
	} {
		form := url.Values{"grant_type": {"client_credentials"}}
		for k, v := range c.more {
			form[k] = v
		}
		var headers []string
		if c.auth != "" {
			headers = []string{c.auth}
		}
		require.Equal(t, c.error, r.token(form, headers...).code(), name)
	}
	r.token(url.Values{"grant_type": {"client_credentials"}, "resource": {r.server.URL + "/v1"}}, basic(id, secret)).ok()
	require.Equal(t, "unauthorized_client", r.send(http.MethodPost, "/oauth/device_authorization", "", basic(id, secret), "Content-Type: application/x-www-form-urlencoded").code())
	do(r, r.commands.DisableServiceAccount, access.Name, tenant, account.String(), commands.DisableServiceAccount{Reason: "x"})
	require.Equal(t, "invalid_client", r.token(url.Values{"grant_type": {"client_credentials"}}, basic(id, secret)).code())
}

func TestRevocationAndIntrospection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	_, other, otherSecret := r.serviceAccount(tenant, permission.Viewer)
	strange := basic(other, otherSecret)
	token := e.token(t)
	accessToken, refreshToken := token["access_token"].(string), token["refresh_token"].(string)
	introspect := func(token, auth string) map[string]any {
		return r.send(http.MethodPost, "/oauth/introspect", url.Values{"token": {token}}.Encode(), auth).ok()
	}
	about := introspect(accessToken, good)
	require.Equal(t, true, about["active"])
	require.Equal(t, user.String(), about["sub"])
	require.Equal(t, tenant.String(), about["tenant_id"])
	require.Equal(t, true, introspect(refreshToken, good)["active"])
	for _, nothing := range []string{accessToken, refreshToken} {
		require.Equal(t, map[string]any{"active": false}, introspect(nothing, strange), "of another client's tokens nothing is told")
	}
	require.Equal(t, map[string]any{"active": false}, introspect("x.y.z", good))
	require.Equal(t, map[string]any{"active": false}, introspect(token["id_token"].(string), good))
	require.Equal(t, "invalid_client", r.send(http.MethodPost, "/oauth/introspect", url.Values{"token": {accessToken}, "client_id": {oidc.ClientCLI}}.Encode()).code())
	require.Equal(t, "invalid_client", r.send(http.MethodPost, "/oauth/introspect", url.Values{"token": {accessToken}}.Encode(), basic(e.ClientID, "x")).code())

	revoke := func(token, auth string) answer {
		return r.send(http.MethodPost, "/oauth/revoke", url.Values{"token": {token}}.Encode(), auth)
	}
	for _, theirs := range []string{accessToken, refreshToken, "unknown"} {
		revoke(theirs, strange).ok()
	}
	_, err := r.provider.Verify(t.Context(), accessToken)
	require.NoError(t, err, "only its own client can revoke it")
	require.Equal(t, "invalid_client", revoke(refreshToken, basic(e.ClientID, "x")).code())

	claims, err := r.provider.Verify(t.Context(), accessToken)
	require.NoError(t, err)
	require.False(t, r.provider.Revoked(claims))
	revoke(accessToken, good).ok()
	_, err = r.provider.Verify(t.Context(), accessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	require.True(t, r.provider.Revoked(claims))
	require.Equal(t, map[string]any{"active": false}, introspect(accessToken, good))
	again := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}, good).ok()
	revoke(again["refresh_token"].(string), good).ok()
	_, err = r.provider.Verify(t.Context(), again["access_token"].(string))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid, "with the refresh token goes all that came of the grant")
	require.Equal(t, "invalid_grant", e.refused(again["refresh_token"].(string)))
}

func TestUserinfoRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com").AccessToken
	_, id, secret := r.serviceAccount(tenant, permission.Viewer)
	robot := r.token(url.Values{"grant_type": {"client_credentials"}}, basic(id, secret)).ok()["access_token"].(string)

	require.Equal(t, http.StatusOK, r.send(http.MethodGet, "/oauth/userinfo", "", "Authorization: Bearer "+token).status)
	require.Equal(t, http.StatusOK, r.send(http.MethodPost, "/oauth/userinfo", "", "Authorization: Bearer "+token).status)
	require.Equal(t, http.StatusOK, r.send(http.MethodPost, "/oauth/userinfo", url.Values{"access_token": {token}}.Encode()).status)
	require.Equal(t, http.StatusUnauthorized, r.send(http.MethodGet, "/oauth/userinfo", "", "Authorization: Bearer "+robot).status)
	require.Equal(t, http.StatusBadRequest, r.send(http.MethodGet, "/oauth/userinfo?access_token="+token, "").status, "in the query")
	missing := r.send(http.MethodGet, "/oauth/userinfo", "")
	require.Equal(t, http.StatusUnauthorized, missing.status)
	require.Equal(t, `Bearer realm="tansu"`, missing.header.Get("WWW-Authenticate"))
	require.Equal(t, "no-store", missing.header.Get("Cache-Control"))
}

func TestDeviceRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	rp, b := r.cli(), r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	start := func() (device, user string) {
		started := r.send(http.MethodPost, "/oauth/device_authorization", url.Values{"client_id": {rp.ClientID}, "scope": {"openid offline_access"}}.Encode()).ok()
		return started["device_code"].(string), started["user_code"].(string)
	}
	poll := func(device, client string) answer {
		return r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {device}, "client_id": {client}})
	}
	device, user := start()
	other, _ := r.client("public", true, appRedirect)
	require.Equal(t, "invalid_grant", poll(device, other).code(), "another client")
	require.Equal(t, "expired_token", poll(user, rp.ClientID).code(), "the user code is no device code")
	b.submit(b.get("/auth/device"), "/auth/device", "user_code", "BCDF-GHJK").shows(http.StatusUnprocessableEntity, "no such code")
	b.submit(b.get("/auth/device"), "/auth/device", "user_code", device).shows(http.StatusUnprocessableEntity, "no such code")
	page := b.submit(b.get("/auth/device"), "/auth/device", "user_code", " "+strings.ToLower(strings.Replace(user, "-", "", 1)))
	foreign := r.tenant("other", "Other")
	b.submit(page, "/auth/device/decision", "decision", "allow", "tenant", foreign.String()).shows(http.StatusUnprocessableEntity, "Choose one")
	b.submit(page, "/auth/device/decision", "decision", "deny").shows(http.StatusOK, "refused")
	require.Equal(t, "access_denied", poll(device, rp.ClientID).code())
	b.submit(page, "/auth/device/decision", "decision", "allow", "tenant", tenant.String()).shows(http.StatusUnprocessableEntity, "no such code")

	device, user = start()
	r.clock.advance(11 * 60e9)
	require.Equal(t, "expired_token", poll(device, rp.ClientID).code())
	b.get("/auth/device?user_code="+user).shows(http.StatusUnprocessableEntity, "too old")

	device, user = start()
	b.submit(b.get("/auth/device?user_code="+user), "/auth/device/decision", "decision", "allow", "tenant", tenant.String()).shows(http.StatusOK, "signed in")
	require.Equal(t, 1, race(8, func() bool { return poll(device, rp.ClientID).status == http.StatusOK }), "tokens come once")
	require.Equal(t, "invalid_client", r.send(http.MethodPost, "/oauth/device_authorization", "client_id=nobody").code())

	// Guessing codes ends soon.
	tooMany := false
	for range 12 {
		tooMany = tooMany || b.post("/auth/device", url.Values{"user_code": {"BCDF-GHJK"}}).status == http.StatusTooManyRequests
	}
	require.True(t, tooMany)
}
