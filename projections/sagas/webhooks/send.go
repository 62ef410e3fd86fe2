package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/projections/feeds"
)

// Bounds of one request.
const (
	sendTimeout = 15 * time.Second
	testTimeout = 10 * time.Second
	maxAnswer   = 16 << 10 // bytes that are read
	maxSnippet  = 1 << 10  // bytes that are kept
	maxError    = 500      // bytes of an error that are kept
)

const userAgent = "Tansu-Webhooks/1.0 (+https://tansu.cloud)"

// attempt is what came of sending a message once.
type attempt struct {
	status     int // 0 without an answer
	duration   time.Duration
	snippet    string
	retryAfter time.Duration // as the answer asks for; 0: it does not
	err        error         // nil: accepted
}

// send posts an event to a webhook, signed with every secret that is live. The
// message's id is the same for each attempt and each replay, so that receivers
// know what they have seen.
func (c *Courier) send(ctx context.Context, s *subscription, e *feeds.Entry, timeout time.Duration) (attempt, error) {
	now := time.Now()
	secrets, err := c.secretsOf(ctx, e.Event.TenantID, s, now)
	if err != nil {
		return attempt{}, err
	}
	body := e.CloudEvent()
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return attempt{err: errors.New("the address is malformed")}, nil
	}
	req.Header = signed(e.Event.ID.String()+"_"+s.id.String(), now, body, secrets)
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("User-Agent", userAgent)
	a := c.post(req)
	a.duration = time.Since(now)
	if parent.Err() != nil {
		return a, parent.Err() // nobody has waited for the answer
	}
	return a, nil
}

func (c *Courier) secretsOf(ctx context.Context, tenant uuid.UUID, s *subscription, now time.Time) ([][]byte, error) {
	ids := []uuid.UUID{s.secret}
	if s.previousSecret != uuid.Nil && now.Before(s.previousUntil) {
		ids = append(ids, s.previousSecret)
	}
	secrets := make([][]byte, len(ids))
	for i, id := range ids {
		var err error
		if secrets[i], err = c.Secrets.open(ctx, tenant, s.id, id); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}

func (c *Courier) post(req *http.Request) (a attempt) {
	resp, err := c.Client.Do(req)
	if err != nil {
		return attempt{err: unanswered(err)}
	}
	defer resp.Body.Close() // without reading the rest, which ends the connection
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a = attempt{status: resp.StatusCode, snippet: clip(string(answer), maxSnippet)}
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		a.err = fmt.Errorf("the address answered with the redirect %d, which is not followed", code)
	case code < 200 || code > 299:
		a.err = fmt.Errorf("the address answered %d", code)
	case err != nil:
		a.err = fmt.Errorf("the answer %d broke off: %w", code, err)
	}
	if code := resp.StatusCode; code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		a.retryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return a
}

// unanswered says why there was no answer, without the address, which may hold
// something secret, and without numbers, which name servers inside may tell.
func unanswered(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		if failed.Timeout() {
			return errors.New("the address did not answer in time")
		}
		err = failed.Err
	}
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) {
		return errors.New("no answer: the name does not resolve")
	}
	if connection := (*net.OpError)(nil); errors.As(err, &connection) {
		err = connection.Err
	}
	return fmt.Errorf("no answer: %s", clip(err.Error(), maxError))
}

// retryAfter reads the header of that name (RFC 9110): seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// clip makes the beginning of any text fit for a text column.
func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}
