package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/sdk/go/feed"
)

// What would give away the person of this test wherever it turns up.
const (
	erasedEmail   = "zebulon.quux@example.org"
	erasedName    = "Zebulon Quuxington"
	erasedAddress = "203.0.113.77"
	erasedAgent   = "Quaggabrowser/7"
)

var personal = []string{"zebulon", "quux", erasedAddress, "quagga"}

// recognised lists what of the person is in a text.
func recognised(text string) (found []string) {
	lower := strings.ToLower(text)
	for _, datum := range personal {
		if strings.Contains(lower, datum) {
			found = append(found, datum)
		}
	}
	return found
}

// from a place and with a browser of the person's own.
type from struct {
	http.RoundTripper
	http.Header
}

func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	maps.Copy(r.Header, f.Header)
	return f.RoundTripper.RoundTrip(r)
}

func TestAnErasedUserIsNowhereToBeFound(t *testing.T) {
	t.Parallel()
	s := newSite(t, "TANSU_HTTP_TRUSTED_PROXIES=127.0.0.0/8", "TANSU_LOG_LEVEL=debug")
	acme, beta, h := s.newTenant("acme"), s.newTenant("beta"), newShop(s)
	headers := http.Header{"X-Forwarded-For": {erasedAddress}, "User-Agent": {erasedAgent}}
	zebulon := newVisitor(t, from{h.network, headers})

	// They are invited, register, and sign in to a site and on a device.
	s.invite(zebulon, acme, erasedEmail, erasedName, "admin")
	page := zebulon.get(shopURL + "/login")
	require.Contains(t, zebulon.submit(page, s.url+"/auth/consent", "decision", "allow"), erasedName)
	token := <-h.signedIn
	device := oauth2.Config{ClientID: "tansu-cli", Endpoint: h.Endpoint, Scopes: []string{"openid", "offline_access"}}
	started, err := device.DeviceAuth(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: from{h.network, headers}}))
	require.NoError(t, err)
	page = zebulon.get(started.VerificationURIComplete)
	zebulon.submit(page, s.url+"/auth/device/decision", "decision", "allow", "tenant", acme)

	// They act, others act on them, and one more invite is on its way to them.
	var me meInfo
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token.AccessToken, from: headers}), &me))
	s.do(http.StatusCreated, request{method: http.MethodPost, path: "/v1/service-accounts", token: token.AccessToken, from: headers,
		body: map[string]any{"name": "Nightly export", "roles": []string{"viewer"}}})
	user := "/v1/users/" + me.User.ID
	s.do(http.StatusOK, request{method: http.MethodPut, path: user + "/name", body: map[string]any{"name": erasedName + "-Smith"}})
	open := create[struct{ ID string }](s, beta, "/v1/invites", map[string]any{"email": erasedEmail, "roles": []string{"viewer"}})
	s.letters.link(erasedEmail)
	require.NotEmpty(t, zebulon.post(s.url+"/auth/forgot", url.Values{"email": {erasedEmail}}))
	s.letters.link(erasedEmail)

	before := s.everything(me.User.ID, "system", acme, beta)
	for _, place := range []string{"/v1/users", user, user + "/sessions", "first state of system", "invite 0 of " + beta, "members of " + acme, "activity of " + acme, "invites of " + beta} {
		require.NotEmpty(t, recognised(before[place]), "this test would not see them in %s", place)
	}
	require.Contains(t, before["activity of "+acme], erasedName)
	require.NotEmpty(t, recognised(s.database()))

	// An open invite is its tenant's own, sealed by itself. The node dies at once.
	s.do(http.StatusOK, request{method: http.MethodPost, path: user + "/erase", body: map[string]any{"reason": "asked for it"}})
	told := s.stderr.String() + s.stdout.String()
	s.crash()
	require.Eventually(t, func() bool {
		return s.statusOf(beta, "/v1/invites/"+open.ID) == "revoked" && s.statusOf(acme, "/v1/members/"+me.User.ID) == "no such"
	}, time.Minute, 20*time.Millisecond)

	after := s.everything(me.User.ID, "system", acme, beta)
	for place, content := range after {
		assert.Empty(t, recognised(content), place)
	}
	require.Contains(t, after["activity of "+acme], "A former user created the service account “Nightly export”")
	require.Contains(t, after["/v1/users"], `"status":"erased"`)
	require.Contains(t, after["stream of system"], "user.registered", "history stays")
	for _, tenant := range []string{"system", acme, beta} {
		code, _, stderr := invoke(t, s.client(), "audit", "verify", "--tenant", tenant)
		require.Zero(t, code, stderr)
	}

	// Nor do they get in any more.
	s.refused(token.AccessToken)
	_, refusal := h.refresh(t, token.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
	answer, err := zebulon.browser.PostForm(s.url+"/auth/login", url.Values{"email": {erasedEmail}, "password": {passphrase}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)

	assert.Empty(t, s.database())
	for line := range strings.Lines(told + s.stderr.String() + s.stdout.String()) {
		assert.Empty(t, recognised(line), line)
	}
}

// statusOf is the status of what is at a path, if there is something.
func (s *site) statusOf(tenant, path string) string {
	s.t.Helper()
	code, body := s.send(request{method: http.MethodGet, path: path, tenant: tenant})
	if code == http.StatusNotFound {
		return "no such"
	}
	require.Equal(s.t, http.StatusOK, code, "%s", body)
	var found struct{ Status string }
	require.NoError(s.t, json.Unmarshal(body, &found))
	return found.Status
}

// client is the environment of a CLI of the operator.
func (s *site) client() []string {
	return []string{"TANSU_SERVER=" + s.url, "TANSU_TOKEN=" + siteOperator}
}

// everything is what the interface tells of a user and of tenants, by place.
func (s *site) everything(user string, tenants ...string) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	read := func(place, path, tenant string) {
		all[place] = string(s.do(http.StatusOK, request{method: http.MethodGet, path: path, tenant: tenant}))
	}
	for _, path := range []string{"/v1/users", "/v1/users/" + user, "/v1/users/" + user + "/sessions"} {
		read(path, path, "")
	}
	read("stream of system", "/v1/streams/user/"+user+"/events", "")
	read("state of system", "/v1/streams/user/"+user+"/state", "")
	read("first state of system", "/v1/streams/user/"+user+"/state?version=1", "")
	for _, tenant := range tenants {
		for _, list := range []string{"events", "members", "invites", "activity"} {
			read(list+" of "+tenant, "/v1/"+list+"?limit=200", tenant)
		}
		var invites struct{ Items []inviteInfo }
		require.NoError(s.t, json.Unmarshal([]byte(all["invites of "+tenant]), &invites))
		for i, invite := range invites.Items {
			read(fmt.Sprintf("invite %d of %s", i, tenant), "/v1/streams/invite/"+invite.ID+"/state?version=1", tenant)
		}
		all["export of "+tenant] = s.export(tenant)
		all["feed of "+tenant] = s.feed(tenant)
	}
	return all
}

// export returns the content of a tenant's export.
func (s *site) export(tenant string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "export.zip")
	code, _, stderr := invoke(s.t, s.client(), "audit", "export", "--tenant", tenant, "--file", file)
	require.Zero(s.t, code, stderr)
	archive, err := zip.OpenReader(file)
	require.NoError(s.t, err)
	defer archive.Close()
	var all bytes.Buffer
	for _, f := range archive.File {
		content, err := f.Open()
		require.NoError(s.t, err)
		_, err = io.Copy(&all, content)
		require.NoError(s.t, err)
		require.NoError(s.t, content.Close())
	}
	return all.String()
}

// feed returns what a subscriber is told of a tenant's whole log.
func (s *site) feed(tenant string) string {
	s.t.Helper()
	var audit auditInfo
	require.NoError(s.t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/audit/verify", tenant: tenant}), &audit))
	var all strings.Builder
	client := feed.Client{URL: s.url, Token: feed.StaticToken(siteOperator), Tenant: tenant}
	for e, err := range client.Subscribe(s.t.Context(), feed.Subscription{}) {
		require.NoError(s.t, err)
		told, err := json.Marshal(e)
		require.NoError(s.t, err)
		all.Write(told)
		if e.Position >= audit.HeadPosition {
			break
		}
	}
	return all.String()
}

// database returns every value in every table in which the person can be
// recognised, with its place. Binary values count as the text that they may be.
func (s *site) database() string {
	s.t.Helper()
	ctx := s.t.Context()
	conn, err := pgx.Connect(ctx, s.dsn)
	require.NoError(s.t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
SELECT c.table_schema, c.table_name, c.column_name, c.data_type
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')`)
	require.NoError(s.t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Table, Column, Type string }])
	require.NoError(s.t, err)
	require.Greater(s.t, len(columns), 300, "all tables are looked into")
	patterns := make([]string, len(personal))
	for i, datum := range personal {
		patterns[i] = "%" + datum + "%"
	}
	var found strings.Builder
	for _, c := range columns {
		value := pgx.Identifier{c.Column}.Sanitize()
		if c.Type == "bytea" {
			value = "encode(" + value + ", 'escape')"
		}
		rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT %s::text FROM %s WHERE %s::text ILIKE ANY ($1)`,
			value, pgx.Identifier{c.Schema, c.Table}.Sanitize(), value), patterns)
		require.NoError(s.t, err)
		values, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(s.t, err)
		for _, v := range values {
			fmt.Fprintf(&found, "%s.%s.%s: %s\n", c.Schema, c.Table, c.Column, v)
		}
	}
	return found.String()
}
