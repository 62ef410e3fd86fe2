package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// benchClient is a built-in client of web pages: nobody is asked for consent.
const benchClient = "tansu-dashboard"

// signIn opens the link that signs the first user in, as a browser does, and
// returns the refresh tokens of a number of sign-ins to a client.
func (s *tokenStage) signIn(ctx context.Context, families int) ([]string, error) {
	link, err := s.node.SignIn(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, Transport: s.client.Transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/dashboard/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.PostForm(s.node.URL+u.Path, url.Values{"token": {u.Query().Get("token")}})
	if err != nil {
		return nil, err
	}
	if err := page.Body.Close(); err != nil || page.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("signing in: %s: %w", page.Status, err)
	}
	found := make([]string, families)
	for i := range found {
		if found[i], err = s.family(ctx, browser); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// family completes the code flow with PKCE.
func (s *tokenStage) family(ctx context.Context, browser *http.Client) (refresh string, err error) {
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	callback := s.node.URL + "/dashboard/callback"
	response, err := browser.Get(s.node.URL + "/oauth/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {benchClient}, "redirect_uri": {callback}, "scope": {"openid offline_access api"}, "state": {"bench"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	back := response.Header.Get("Location")
	_, query, _ := strings.Cut(back, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has("code") {
		return "", fmt.Errorf("signing in to a client: %s, %q", response.Status, back)
	}
	t, err := s.token(ctx, s.node.URL, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {benchClient}, "redirect_uri": {callback},
		"code": {values.Get("code")}, "code_verifier": {verifier},
	})
	return t.RefreshToken, err
}
