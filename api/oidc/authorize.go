package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"

	"tansu.cloud/domain/identity/user"
)

const (
	maxState = 2000
	maxNonce = 500
)

// challengeForm is an S256 challenge: the base64url of 32 bytes.
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// refusal is an answer to the client, by way of the browser (RFC 6749, section
// 4.1.2.1).
type refusal struct{ code, description string }

func (e *refusal) Error() string { return e.code + ": " + e.description }

func refuse(code, description string) error { return &refusal{code, description} }

// authorize is the authorization endpoint. Whatever is wrong with the client or
// the redirect URI is shown to the visitor; everything else is told to the
// client. There is only the code flow, with PKCE for every client.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil || len(r.URL.RawQuery) > maxForm {
		p.showError(w, r, http.StatusBadRequest, "The application sent a request that cannot be read.")
		return
	}
	form := r.Form
	if _, bad := repeated(form); bad {
		p.showError(w, r, http.StatusBadRequest, "The application sent a parameter twice.")
		return
	}
	c, err := p.client(r.Context(), form.Get("client_id"))
	if errors.Is(err, errNoClient) {
		p.showError(w, r, http.StatusBadRequest, "The application is not registered here, or has been disabled.")
		return
	}
	if err != nil {
		p.showFailure(w, r, err)
		return
	}
	t := ticket{To: toAuthorize, IssuedAt: p.Now(), ClientID: c.id, RedirectURI: form.Get("redirect_uri")}
	if !c.redirectAllowed(t.RedirectURI) {
		p.showError(w, r, http.StatusBadRequest, "The application wants you to be sent to an address that is not registered for it.")
		return
	}
	if t.State = form.Get("state"); len(t.State) > maxState {
		t.State = ""
		p.answer(w, r, t, refuse("invalid_request", "state is too long"))
		return
	}
	if err := p.readRequest(r, c, form, &t); err != nil {
		p.answer(w, r, t, err)
		return
	}
	if r.Method == http.MethodPost {
		// A post from elsewhere comes without our cookies; the visit after it does not.
		http.Redirect(w, r, pageContinue+"?request="+p.seal(t), http.StatusSeeOther)
		return
	}
	p.proceed(w, r, t)
}

// readRequest checks what remains after client and redirect URI.
func (p *Provider) readRequest(r *http.Request, c *client, form url.Values, t *ticket) error {
	switch {
	case form.Get("request") != "":
		return refuse("request_not_supported", "request objects are not supported")
	case form.Get("request_uri") != "":
		return refuse("request_uri_not_supported", "request_uri is not supported")
	case form.Get("response_type") == "":
		return refuse("invalid_request", "response_type is missing")
	case form.Get("response_type") != "code" || !c.allows(protocol.GrantTypeCode):
		return refuse("unsupported_response_type", "only code is supported")
	case form.Get("response_mode") != "" && form.Get("response_mode") != "query":
		return refuse("invalid_request", "only response_mode query is supported")
	case form.Get("code_challenge") == "":
		return refuse("invalid_request", "code_challenge is missing (PKCE)")
	case form.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case !challengeForm.MatchString(form.Get("code_challenge")):
		return refuse("invalid_request", "code_challenge is not that of S256")
	case len(form.Get("nonce")) > maxNonce:
		return refuse("invalid_request", "nonce is too long")
	}
	t.Challenge, t.Nonce = form.Get("code_challenge"), form.Get("nonce")
	if hint := form.Get("login_hint"); len(hint) <= user.MaxEmail {
		t.LoginHint = hint
	}
	if p.checkTarget(form) != nil {
		return refuse("invalid_target", "unknown resource")
	}
	if t.Scope = c.narrow(strings.Fields(form.Get("scope"))); len(t.Scope) == 0 {
		return refuse("invalid_scope", "ask for a scope that the client may have")
	}
	if len(form["resource"]) > 0 && !slices.Contains(t.Scope, scopeAPI) {
		return refuse("invalid_target", "the API needs the scope api")
	}
	if err := t.readPrompt(form); err != nil {
		return err
	}
	if wanted := form.Get("tenant"); wanted != "" {
		tenant, err := uuid.Parse(wanted)
		if err != nil {
			return refuse("invalid_request", "tenant must be the id of one")
		}
		t.Tenant, t.Chosen = tenant, true
	}
	if said := form.Get("id_token_hint"); said != "" {
		hint, ok := p.hint(r.Context(), said)
		subject, err := uuid.Parse(hint.Subject)
		if !ok || err != nil {
			return refuse("invalid_request", "id_token_hint is not an ID token of this provider")
		}
		t.Subject = subject
	}
	return nil
}

func (t *ticket) readPrompt(form url.Values) error {
	prompts := strings.Fields(form.Get("prompt"))
	for _, prompt := range prompts {
		switch prompt {
		case "none":
			t.Silent = true
		case "login":
			t.Login = true
		case "consent":
			t.AskConsent = true
		case "select_account":
			t.AskAccount = true
		default:
			return refuse("invalid_request", "unknown prompt")
		}
	}
	if t.Silent && len(prompts) > 1 {
		return refuse("invalid_request", "prompt none stands alone")
	}
	if said := form.Get("max_age"); said != "" {
		seconds, err := strconv.ParseInt(said, 10, 32)
		if err != nil || seconds < 0 {
			return refuse("invalid_request", "max_age must be a number of seconds")
		}
		t.MaxAge = &seconds
	}
	return nil
}

// answer sends the visitor back to the client, with what came out. iss says who
// answers (RFC 9207), so that a client of several providers cannot be mixed up.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, t ticket, outcome any) {
	values := url.Values{"iss": {p.issuer}}
	if t.State != "" {
		values.Set("state", t.State)
	}
	switch outcome := outcome.(type) {
	case string:
		values.Set("code", outcome)
	case *refusal:
		values.Set("error", outcome.code)
		values.Set("error_description", outcome.description)
	case error:
		p.Logger.ErrorContext(r.Context(), "oidc: an authorization failed", "error", outcome)
		values.Set("error", "server_error")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, withQuery(t.RedirectURI, values), http.StatusSeeOther)
}

// withQuery adds parameters to an address that may have some already.
func withQuery(address string, values url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + values.Encode()
}
