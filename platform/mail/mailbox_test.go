package mail

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, box *Mailbox, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	return getFrom(t, box, "127.0.0.1:50000", method, target)
}

func getFrom(t *testing.T, box *Mailbox, peer, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
	r.RemoteAddr = peer
	box.ServeHTTP(w, r)
	require.Equal(t, mailboxPolicy, w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	return w
}

func TestMailboxShowsMessages(t *testing.T) {
	t.Parallel()
	box := NewMailbox()
	require.Contains(t, get(t, box, "GET", "http://localhost:8080/dev/mailbox").Body.String(), "No message yet")
	letter, err := SignInLink{To: "ada@example.com", Name: "Ada", Link: link, ExpiresAt: until}.Message()
	require.NoError(t, err)
	require.NoError(t, box.Send(t.Context(), letter))
	require.NoError(t, box.Send(t.Context(), sample))
	require.Equal(t, []int{2, 1}, []int{box.Messages()[0].ID, box.Messages()[1].ID})
	require.Equal(t, letter, box.Messages()[1].Message)

	list := get(t, box, "GET", "http://localhost:8080/dev/mailbox/")
	require.Equal(t, http.StatusOK, list.Code)
	require.Contains(t, list.Body.String(), `<a href="/dev/mailbox/1">Your sign-in link</a>`)
	page := get(t, box, "GET", "http://localhost:8080/dev/mailbox/1").Body.String()
	require.Contains(t, page, `<a href="`+strings.ReplaceAll(link, "&", "&amp;")+`" rel="noopener noreferrer">`)
	require.Equal(t, letter.HTML, framed(t, page))
}

// framed returns what a browser shows in the frame.
func framed(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)<iframe sandbox="" title="[^"]*" srcdoc="([^"]*)"></iframe>`).FindStringSubmatch(page)
	require.NotNil(t, found, page)
	return html.UnescapeString(found[1])
}

// TestHostileHTML: it stays inside of the attribute, in a frame that may do
// nothing, on a page that may load nothing.
func TestHostileHTML(t *testing.T) {
	t.Parallel()
	const hostile = `"></iframe><script>alert(1)</script><img src=x onerror=alert(1)><!--&quot;><iframe srcdoc="&lt;script>`
	box := NewMailbox()
	require.NoError(t, box.Send(t.Context(), Message{
		To: "a@b.example", Subject: hostile, HTML: hostile,
		Text: hostile + ` javascript:alert(1) https://evil.example/"onmouseover="alert(1) data:text/html,x`,
	}))
	for _, target := range []string{"/dev/mailbox", "/dev/mailbox/1"} {
		page := get(t, box, "GET", "http://localhost"+target).Body.String()
		for _, bad := range []string{"<script", "<img", `"onmouseover`, `href="javascript`, `href="data`} {
			require.NotContains(t, page, bad)
		}
		if target != "/dev/mailbox" {
			require.Equal(t, hostile, framed(t, page))
			require.Equal(t, 1, strings.Count(page, "<iframe"))
			require.Contains(t, page, `href="https://evil.example/"`)
		}
	}
	require.NotContains(t, mailboxPolicy, "script-src")
}

func TestMailboxRefuses(t *testing.T) {
	t.Parallel()
	box := NewMailbox()
	require.NoError(t, box.Send(t.Context(), sample))
	for target, want := range map[string]int{
		"http://localhost/dev/mailbox":             http.StatusOK,
		"http://127.0.0.1:8080/dev/mailbox":        http.StatusOK,
		"http://[::1]:8080/dev/mailbox":            http.StatusOK,
		"http://acme.localhost:8080/dev/mailbox":   http.StatusOK,
		"http://tansu:8080/dev/mailbox":            http.StatusOK,
		"http://rebound.evil.example/dev/mailbox":  http.StatusForbidden,
		"http://rebound.evil.example./dev/mailbox": http.StatusForbidden,
		"http://localhost/dev/mailbox/2":           http.StatusNotFound,
		"http://localhost/dev/mailbox/x":           http.StatusNotFound,
		"http://localhost/dev/mailbox/1/x":         http.StatusNotFound,
	} {
		require.Equal(t, want, get(t, box, "GET", target).Code, target)
	}
	for peer, want := range map[string]int{
		"[::1]:50000": http.StatusOK, "[::ffff:127.0.0.1]:50000": http.StatusOK,
		"192.168.1.7:50000": http.StatusForbidden, "[fe80::1%eth0]:50000": http.StatusForbidden, "": http.StatusForbidden,
	} {
		require.Equal(t, want, getFrom(t, box, peer, "GET", "http://localhost/dev/mailbox").Code, peer)
	}
	require.Equal(t, http.StatusMethodNotAllowed, get(t, box, "POST", "http://localhost/dev/mailbox").Code)
}

func TestMailboxKeepsTheLast(t *testing.T) {
	t.Parallel()
	box := NewMailbox()
	var wait sync.WaitGroup
	for i := range 250 {
		wait.Go(func() {
			if err := box.Send(t.Context(), Message{To: "a@b.example", Subject: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
			box.Messages()
		})
	}
	wait.Wait()
	all := box.Messages()
	require.Len(t, all, 200)
	require.Equal(t, []int{250, 51}, []int{all[0].ID, all[199].ID})
}
