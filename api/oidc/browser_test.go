package oidc_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browser is somebody at a browser. It follows redirects until one leaves the
// server, and sends what browsers send with a form of the page's own.
type browser struct {
	t       testing.TB
	http    *http.Client
	base    string
	headers http.Header // more to send
}

// page is what the browser shows, or where it was sent away to.
type page struct {
	t        testing.TB
	status   int
	header   http.Header
	body     string
	url      *url.URL
	location *url.URL // elsewhere, nil if still here
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(r.t, err)
	b := &browser{t: r.t, base: r.server.URL, headers: http.Header{}}
	b.http = &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if "http://"+req.URL.Host != b.base || strings.HasPrefix(req.URL.Path, "/dashboard") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

func (b *browser) do(req *http.Request) page {
	b.t.Helper()
	for name, values := range b.headers {
		req.Header[name] = values
	}
	res, err := b.http.Do(req)
	require.NoError(b.t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, res.Body.Close())
	p := page{t: b.t, status: res.StatusCode, header: res.Header, body: string(body), url: res.Request.URL}
	if res.StatusCode/100 == 3 {
		p.location, err = url.Parse(res.Header.Get("Location"))
		require.NoError(b.t, err)
	}
	return p
}

func (b *browser) get(target string) page {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	req, err := http.NewRequest(http.MethodGet, target, nil)
	require.NoError(b.t, err)
	return b.do(req)
}

func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.base)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

var (
	formPattern   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	hiddenPattern = regexp.MustCompile(`<input type="hidden" name="([^"]*)"[^>]* value="([^"]*)"|<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// submit fills in the page's form with an action and sends it.
func (b *browser) submit(p page, action string, fields ...string) page {
	b.t.Helper()
	for _, form := range formPattern.FindAllStringSubmatch(p.body, -1) {
		if form[1] != action {
			continue
		}
		values := url.Values{}
		for _, hidden := range hiddenPattern.FindAllStringSubmatch(form[2], -1) {
			values.Set(hidden[1]+hidden[3], html.UnescapeString(hidden[2]+hidden[4]))
		}
		for i := 0; i < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		return b.post(action, values)
	}
	require.Fail(b.t, "the page has no such form", "%s in %d %s", action, p.status, p.body)
	return page{}
}

// signIn fills in the login page.
func (b *browser) signIn(p page, email string) page {
	b.t.Helper()
	require.Equal(b.t, http.StatusOK, p.status, p.body)
	return b.submit(p, "/auth/login", "email", email, "password", password)
}

// at asserts that the browser was sent elsewhere and returns the parameters.
func (p page) at(prefix string) url.Values {
	p.t.Helper()
	require.NotNil(p.t, p.location, "%d %s", p.status, p.body)
	require.True(p.t, strings.HasPrefix(p.location.String(), prefix), "sent to %s", p.location)
	return p.location.Query()
}

// shows asserts a page.
func (p page) shows(status int, text string) page {
	p.t.Helper()
	require.Equal(p.t, status, p.status, p.body)
	require.Contains(p.t, html.UnescapeString(p.body), text)
	return p
}
