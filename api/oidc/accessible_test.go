package oidc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exampleViews has what makes each page show all that it can show, with something
// wrong in each of its fields.
func exampleViews(t *testing.T) map[string][]view {
	t.Helper()
	code, err := drawQR("otpauth://totp/x")
	require.NoError(t, err)
	key := &ceremony{Sealed: "s", Options: "{}"}
	wrong := func(fields ...string) (all []problem) {
		for _, field := range fields {
			all = append(all, problem{field, "It is not right."})
		}
		return all
	}
	base := view{Request: "r", Email: "ann@example.com", Client: "Shop", Tenant: "Acme", Text: "T", Link: "/auth/", LinkText: "On", Token: "t", UserCode: "AB-CD",
		Scopes: []string{"know you"}, Tenants: []tenantChoice{{"1", "Acme", true}, {"2", "Beta", false}}, Choices: []providerChoice{{"Acme login", "/auth/external"}},
		Codes: []string{"aaaa-bbbb"}, QR: &code}
	with := func(change func(*view)) view {
		v := base
		change(&v)
		return v
	}
	errs := func(fields ...string) view { return with(func(v *view) { v.Errors = wrong(fields...) }) }
	invite := func(mode string, fields ...string) view {
		return with(func(v *view) { v.Mode, v.Errors = mode, wrong(fields...) })
	}
	full := &security{TOTP: true, CodesLeft: 3, Here: true, Passkeys: []passkeyRow{{"k1", "Phone", "1 May", "2 May", true}, {ID: "k2", Name: "Laptop"}},
		Sessions:   []sessionRow{{ID: "s1", UserAgent: "Firefox on Linux", Current: true}, {ID: "s2", UserAgent: "A browser"}, {ID: "s3"}},
		Identities: []identityRow{{"i", "Acme login", "Acme", "login.acme.example", "1 May"}}, Offers: []identityOffer{{"t", "p", "Beta login", "Beta"}}}
	return map[string][]view{
		"login":    {errs("email", "password", "organisation", "link-email"), with(func(v *view) { v.Ceremony, v.Errors = key, wrong("passkey") })},
		"second":   {errs("code", "recovery")},
		"tenant":   {errs("tenant")},
		"device":   {errs("user_code")},
		"approve":  {errs("tenant")},
		"invite":   {invite(inviteRegister, "name", "password"), invite(inviteAccept), invite(inviteOther), invite(inviteSignIn)},
		"forgot":   {errs("email")},
		"reset":    {errs("password")},
		"totp":     {errs("code")},
		"security": {with(func(v *view) { v.Security, v.Ceremony, v.Errors = full, key, wrong("proof", "name") }), with(func(v *view) { v.Security = &security{} })},
		"once":     {base}, "consent": {base}, "verify": {base}, "home": {base}, "signout": {base}, "message": {base}, "codes": {base},
	}
}

func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	views := exampleViews(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(templates)), slices.Collect(maps.Keys(views)))
	for name, examples := range views {
		for _, full := range examples {
			plain := full
			plain.Errors = nil
			for _, v := range []view{full, plain} {
				v.Title = "What it is about"
				checkPage(t, name, v)
			}
		}
	}
}

// node is an element of a page. Its text is that of what it contains, too.
type node struct {
	name, text string
	attr       map[string]string
	within     *node
}

func (n *node) inside(name string) *node {
	for n = n.within; n != nil && n.name != name; n = n.within {
	}
	return n
}

// parsePage lists the elements in their order.
func parsePage(t *testing.T, page string) (all []*node) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var at *node
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, page)
		switch token := token.(type) {
		case xml.StartElement:
			at = &node{name: token.Name.Local, attr: map[string]string{}, within: at}
			for _, a := range token.Attr {
				at.attr[a.Name.Local] = a.Value
			}
			all = append(all, at)
		case xml.EndElement:
			require.Equal(t, at.name, token.Name.Local, page)
			at = at.within
		case xml.CharData:
			for n := at; n != nil; n = n.within {
				n.text += string(token)
			}
		}
	}
}

func checkPage(t *testing.T, name string, v view) {
	t.Helper()
	var written bytes.Buffer
	require.NoError(t, templates[name].Execute(&written, v))
	page := written.String()
	all := parsePage(t, page)
	ids, labels, names, headings := map[string]*node{}, map[string]bool{}, map[*node]bool{}, []string{}
	for _, n := range all {
		if id := n.attr["id"]; id != "" {
			require.NotContains(t, ids, id, "%s: the id is there twice", name)
			ids[id] = n
		}
		if n.name == "label" {
			require.NotEmpty(t, strings.TrimSpace(n.text), page)
			labels[n.attr["for"]] = true
		}
		if regexp.MustCompile(`^h[1-6]$`).MatchString(n.name) {
			headings = append(headings, n.name)
		}
		if n.attr["autocomplete"] == "username" {
			names[n.inside("form")] = true
		}
	}
	require.Equal(t, "en", all[0].attr["lang"], name)
	require.Equal(t, "h1", headings[0], name)
	require.NotContains(t, headings[1:], "h1", name)
	require.Equal(t, len(v.Errors) > 0, strings.Contains(page, "<title>Error: "), name)
	for _, n := range all {
		for _, to := range []string{n.attr["aria-describedby"], n.attr["aria-labelledby"], strings.TrimPrefix(n.attr["href"], "#")} {
			for id := range strings.FieldsSeq(to) {
				if !strings.HasPrefix(id, "/") {
					require.Contains(t, ids, id, "%s: %s points nowhere", name, n.name)
				}
			}
		}
		switch n.name {
		case "a", "button", "summary", "legend", "h1", "h2":
			require.NotEmpty(t, strings.TrimSpace(n.text), "%s: %s without a text", name, n.name)
		case "input":
			if _, hidden := n.attr["hidden"]; hidden || n.attr["type"] == "hidden" {
				continue
			}
			require.True(t, labels[n.attr["id"]] && n.attr["id"] != "" || n.inside("label") != nil, "%s: input %s has no label", name, n.attr["name"])
			if n.attr["type"] == "radio" {
				require.NotNil(t, n.inside("fieldset"), name)
				continue
			}
			require.Contains(t, n.attr, "maxlength", "%s: %s", name, n.attr["name"])
			if !strings.HasPrefix(n.attr["id"], "name-") { // of a passkey that is there
				require.NotEmpty(t, n.attr["autocomplete"], "%s: %s", name, n.attr["name"])
			}
			if n.attr["autocomplete"] == "new-password" || n.attr["autocomplete"] == "current-password" && n.attr["id"] != "proof" {
				require.True(t, names[n.inside("form")], "%s: password managers do not see whose password it is", name)
			}
		}
	}
	for _, e := range v.Errors {
		field := ids[e.Field]
		require.NotNil(t, field, "%s: nothing is called %s", name, e.Field)
		if e.Field == "passkey" {
			continue // a button
		}
		require.Contains(t, strings.Fields(field.attr["aria-describedby"]), e.Field+"-error", name)
		require.Equal(t, e.Message, ids[e.Field+"-error"].text, name)
		if field.name == "input" {
			require.Equal(t, "true", field.attr["aria-invalid"], "%s: %s", name, e.Field)
		}
		if folded := field.inside("details"); folded != nil {
			require.Contains(t, folded.attr, "open", "%s: what is wrong is folded away", name)
		}
	}
}

// TestColoursHaveContrast is that of WCAG 2.2, level AA: 4.5 for text, 3 for the
// edges of what can be used.
func TestColoursHaveContrast(t *testing.T) {
	t.Parallel()
	css, err := pageFiles.ReadFile("pages/style.css")
	require.NoError(t, err)
	roots := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllSubmatch(css, -1)
	require.Len(t, roots, 2, "light and dark")
	for i, scheme := range []string{"light", "dark"} {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{3,6});`).FindAllSubmatch(roots[i][1], -1) {
			colour[string(m[1])] = string(m[2])
		}
		for _, pair := range []struct {
			on, what string
			atLeast  float64
		}{
			{"card", "ink", 4.5}, {"card", "dim", 4.5}, {"card", "accent", 4.5}, {"card", "bad", 4.5}, {"ground", "ink", 4.5}, {"ground", "dim", 4.5},
			{"accent", "on-accent", 4.5}, {"bad-ground", "bad", 4.5}, {"ground", "accent", 3}, {"bad-ground", "accent", 3},
		} {
			require.NotEmpty(t, colour[pair.on], pair.on)
			require.NotEmpty(t, colour[pair.what], pair.what)
			require.GreaterOrEqual(t, contrast(t, colour[pair.on], colour[pair.what]), pair.atLeast, "%s: %s on %s", scheme, pair.what, pair.on)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(t *testing.T, colour string) (sum float64) {
	t.Helper()
	digits := colour[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= .04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return sum
}

func TestBrowsersAreCalledByTheirNames(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"": "", "curl/8.9": "curl/8.9", "tansu/1.0 (linux)": "tansu/1.0 (linux)",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                 "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0":                  "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36":                            "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                  "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0 Mobile/15E148 Safari/604.1": "Chrome on an iPhone",
		"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":         "Safari on an iPad",
	} {
		require.Equal(t, want, browserText(agent))
	}
}
