package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxResponse bounds what the client keeps of one answer. Archives are streamed
// and not bound by it.
const maxResponse = 64 << 20

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxResponse>>20)

// retryPauses are the waits before a read is repeated after a connection error.
var retryPauses = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond}

// client calls the HTTP API of a running node.
type client struct {
	server  *url.URL
	token   tokenFunc
	tenant  string        // X-Tenant-Id; the server's default if empty
	timeout time.Duration // of one request; none if 0
	http    *http.Client
}

// tokenFunc gives the access token for the next request; nil: there is none.
type tokenFunc func(context.Context) (string, error)

// call is one request. Commands carry an idempotency key.
type call struct {
	method string
	path   string
	query  url.Values
	body   any // encoded as JSON; json.RawMessage is sent as it is
	key    string
	header http.Header
	long   bool      // may take as long as the log is
	stream io.Writer // gets the body of a successful answer, if set
}

// answer is a successful response.
type answer struct {
	status int
	header http.Header
	body   json.RawMessage
}

func newClient(server string, token tokenFunc, tenant string, timeout time.Duration) (*client, error) {
	u, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(tenant, "\r\n") {
		return nil, usagef("--tenant contains a line break; remove it")
	}
	return &client{server: u, token: token, tenant: tenant, timeout: timeout, http: &http.Client{CheckRedirect: stay}}, nil
}

// stay follows no redirect: it could carry the token or a command elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// do sends a request. A refusal by the server is returned as *apiError, a
// failure to reach it as *connectionError.
func (c *client) do(ctx context.Context, r call) (answer, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{}, fmt.Errorf("encode the request: %w", err)
		}
	}
	read := r.method == http.MethodGet || r.method == http.MethodHead
	if !read && r.key == "" {
		r.key = uuid.NewString()
	}
	for try := 0; ; try++ {
		a, err := c.once(ctx, r, body)
		var lost *connectionError
		if !errors.As(err, &lost) || lost.answered || !read || try == len(retryPauses) {
			return a, err
		}
		select {
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-time.After(retryPauses[try]):
		}
	}
}

func (c *client) once(ctx context.Context, r call, body []byte) (answer, error) {
	callerCtx := ctx
	if c.timeout > 0 && !r.long {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, err := c.request(ctx, r, body)
	if err != nil {
		return answer{}, err
	}
	lost := func(err error, answered bool) error {
		if callerCtx.Err() != nil {
			return callerCtx.Err()
		}
		return &connectionError{server: c.server.Redacted(), key: r.key, answered: answered, err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, lost(err, false)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, newAPIError(resp, req)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	if r.stream != nil {
		if _, err := io.Copy(r.stream, resp.Body); err != nil {
			return answer{}, lost(err, true)
		}
		return a, nil
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return answer{}, lost(err, true)
	}
	if len(a.body) > maxResponse {
		return answer{}, fmt.Errorf("%s %s: %w", r.method, r.path, errTooLarge)
	}
	return a, nil
}

func (c *client) request(ctx context.Context, r call, body []byte) (*http.Request, error) {
	target := *c.server
	path, err := url.PathUnescape(r.path)
	if err != nil {
		return nil, usagef("path %q is not a URL path: %v", r.path, err)
	}
	base := strings.TrimSuffix(target.Path, "/")
	target.Path, target.RawPath = base+path, base+r.path
	target.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, usagef("%v", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "tansu-cli")
	if c.token != nil {
		token, err := c.token(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if c.tenant != "" {
		req.Header.Set("X-Tenant-Id", c.tenant)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	return req, nil
}
