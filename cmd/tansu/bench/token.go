package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// tokenStage is a node with a service account and somebody who is signed in, and
// the bare handler beside it.
type tokenStage struct {
	*Bench
	node            Node
	bare            *signer
	client          *http.Client
	account, secret string
	families        []string // the refresh token of each caller
}

// tokenCallers are the numbers of connections that are measured.
var tokenCallers = []int{8, 64}

// Token measures the token endpoint over HTTP, with everything that a node does
// with a request: limits, authentication of the client, rights of the subject,
// rows in PostgreSQL, signature. The line is a bare handler that reads the form
// and signs one ES256 token, in the same process and over the same client.
func (b *Bench) Token(ctx context.Context) ([]Result, error) {
	s := &tokenStage{Bench: b, client: &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}}
	defer s.client.CloseIdleConnections()
	var err error
	if s.node, err = b.Serve(ctx, NodeOrder{DSN: b.DSN}); err != nil {
		return nil, err
	}
	defer s.node.Stop()
	if s.bare, err = serveSigner(); err != nil {
		return nil, err
	}
	defer s.bare.stop()
	if err := s.newServiceAccount(ctx); err != nil {
		return nil, err
	}
	if s.families, err = s.signIn(ctx, tokenCallers[len(tokenCallers)-1]); err != nil {
		return nil, err
	}
	var results []Result
	for _, c := range []struct {
		name, unit string
		op         operation
	}{{"client credentials", "tokens/s", s.clientCredentials}, {"refresh", "refreshes/s", s.refresh}} {
		for _, callers := range tokenCallers {
			name := fmt.Sprintf("%s, %d connections", c.name, callers)
			measured, err := s.compare(ctx, name, c.unit, callers, c.op)
			if err != nil {
				return results, err
			}
			results = append(results, measured...)
			b.progress("token: %s done", name)
		}
	}
	return results, nil
}

// compare runs an operation and the bare handler in turns.
func (s *tokenStage) compare(ctx context.Context, name, unit string, callers int, op operation) ([]Result, error) {
	round := func(op operation) func(context.Context) (load, error) {
		return func(ctx context.Context) (load, error) {
			if err := s.checkpoint(ctx); err != nil {
				return load{}, err
			}
			return drive(ctx, callers, s.Duration, op)
		}
	}
	rate, p50, err := s.race(ctx, "token", name, unit, round(op), round(s.sign))
	return []Result{rate, p50}, err
}

func (s *tokenStage) clientCredentials(ctx context.Context, _, _ int) error {
	_, err := s.token(ctx, s.node.URL, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.account}, "client_secret": {s.secret},
	})
	return err
}

func (s *tokenStage) sign(ctx context.Context, _, _ int) error {
	_, err := s.token(ctx, s.bare.url, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.account}, "client_secret": {s.secret},
	})
	return err
}

// refresh exchanges a caller's refresh token for the next of its family.
func (s *tokenStage) refresh(ctx context.Context, caller, _ int) error {
	fresh, err := s.token(ctx, s.node.URL, url.Values{
		"grant_type": {"refresh_token"}, "client_id": {benchClient}, "refresh_token": {s.families[caller]},
	})
	s.families[caller] = fresh.RefreshToken
	return err
}

// tokens are an answer of the token endpoint.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (s *tokenStage) token(ctx context.Context, server string, form url.Values) (t tokens, err error) {
	err = s.post(ctx, server+"/oauth/token", "application/x-www-form-urlencoded", form.Encode(), &t)
	if err == nil && t.AccessToken == "" {
		err = fmt.Errorf("no token for %s", form.Get("grant_type"))
	}
	return t, err
}

// newServiceAccount makes a program of the system tenant.
func (s *tokenStage) newServiceAccount(ctx context.Context) error {
	var made struct {
		ClientID string `json:"client_id"`
		Secret   string `json:"client_secret"`
	}
	err := s.post(ctx, s.node.URL+"/v1/service-accounts", "application/json", `{"name":"Benchmark","roles":["viewer"]}`, &made)
	s.account, s.secret = made.ClientID, made.Secret
	return err
}

// post sends a body and decodes the answer. The operator's token goes with what
// is for the API only.
func (s *tokenStage) post(ctx context.Context, address, contentType, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	if contentType == "application/json" {
		request.Header.Set("Authorization", "Bearer "+s.node.Token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", address, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}
