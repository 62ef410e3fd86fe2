package oidc

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// The pages.
const (
	pageHome      = "/auth/"
	pageStyle     = "/auth/style.css"
	pageLogin     = "/auth/login"
	pageLink      = "/auth/link"
	pageOnce      = "/auth/once"
	pageContinue  = "/auth/continue"
	pageTenant    = "/auth/tenant"
	pageConsent   = "/auth/consent"
	pageDevice    = "/auth/device"
	pageDecision  = "/auth/device/decision"
	pageInvite    = "/auth/invite"
	pageForgot    = "/auth/forgot"
	pageReset     = "/auth/reset"
	pageVerify    = "/auth/verify"
	pageVerifyNew = "/auth/verify/send"
	pageSignOut   = "/auth/sign-out"
	pageLoggedOut = "/auth/logged-out"

	pageScript        = "/auth/passkey.js"
	pagePasskey       = "/auth/passkey"
	pageSecond        = "/auth/second"
	pageSecurity      = "/auth/security"
	pageTOTP          = "/auth/security/totp"
	pageTOTPConfirm   = "/auth/security/totp/confirm"
	pageTOTPDisable   = "/auth/security/totp/disable"
	pageCodes         = "/auth/security/codes"
	pagePasskeyAdd    = "/auth/security/passkey"
	pagePasskeyRename = "/auth/security/passkey/rename"
	pagePasskeyRemove = "/auth/security/passkey/remove"
	pageSession       = "/auth/security/session"
	pageWithdraw      = "/auth/security/application/withdraw"

	pageOrganisation = "/auth/organisation"
	pageExternal     = "/auth/external"
	pageCallback     = "/auth/callback/" // and a provider
	pageIdentity     = "/auth/security/identity"
	pageUnlink       = "/auth/security/identity/remove"
)

//go:embed pages/*.html pages/style.css pages/passkey.js
var pageFiles embed.FS

var templates = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"login", "once", "tenant", "consent", "device", "approve", "invite", "forgot", "reset", "verify", "home", "signout", "message", "second", "security", "totp", "codes"} {
		all[name] = template.Must(template.New("layout.html").ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html"))
	}
	return all
}()

// view is what a page shows.
type view struct {
	Title    string
	Request  string // a sealed ticket
	Errors   []problem
	Email    string
	Name     string
	Client   string
	Tenant   string
	Role     string
	Mode     string
	Token    string
	Target   string
	UserCode string
	Address  string
	Text     string
	Link     string
	LinkText string
	Verified bool
	Scopes   []string
	Tenants  []tenantChoice
	Choices  []providerChoice
	Codes    []string
	QR       *qrCode
	Security *security
	Ceremony *ceremony // of a passkey, for which the page has a script

	redirect string // where the form may lead to in the end
}

// problem is what is wrong with what somebody typed.
type problem struct{ Field, Message string }

type tenantChoice struct {
	ID, Name string
	Selected bool
}

// providerChoice is an identity provider with which to sign in.
type providerChoice struct{ Name, Link string }

// Problem returns what is wrong with a field, nil if nothing.
func (v view) Problem(field string) *problem {
	for _, e := range v.Errors {
		if e.Field == field {
			return &e
		}
	}
	return nil
}

func (p *Provider) show(w http.ResponseWriter, r *http.Request, status int, page string, v view) {
	var body bytes.Buffer
	if err := templates[page].Execute(&body, v); err != nil {
		p.Logger.ErrorContext(r.Context(), "oidc: a page failed", "page", page, "error", err)
		http.Error(w, "something broke here", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	pageHeaders(h)
	script := ""
	if v.Ceremony != nil {
		script = "script-src 'self'; "
	}
	// Browsers hold a form to its policy through all redirects that follow it.
	h.Set("Content-Security-Policy", "default-src 'none'; "+script+"style-src 'self'; form-action 'self'"+formTarget(v.redirect)+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a visitor who went away cannot be told so
}

func pageHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// formTarget writes the origin of a redirect URI as a source of a policy.
func formTarget(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return " " + u.Scheme + ":"
	}
	if strings.ContainsAny(u.Host, "; ,'\"") {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}

func (p *Provider) showMessage(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	v := view{Title: title, Text: text}
	if status >= http.StatusBadRequest { // nobody is left standing
		v.Link, v.LinkText = pageHome, "Your account"
	}
	p.show(w, r, status, "message", v)
}

// showWayOn is showMessage with a link to where the visitor can go on.
func (p *Provider) showWayOn(w http.ResponseWriter, r *http.Request, status int, title, text, link, linkText string) {
	p.show(w, r, status, "message", view{Title: title, Text: text, Link: link, LinkText: linkText})
}

// showError tells the visitor what the application did wrong.
func (p *Provider) showError(w http.ResponseWriter, r *http.Request, status int, text string) {
	p.showMessage(w, r, status, "This cannot go on", text)
}

func (p *Provider) showExpired(w http.ResponseWriter, r *http.Request) {
	p.showMessage(w, r, http.StatusBadRequest, "This page is too old", "Go back to where you came from and begin again.")
}

// showNothing is the page for addresses that lead nowhere, and for those of forms,
// which browsers visit when they go back or start again.
func (p *Provider) showNothing(w http.ResponseWriter, r *http.Request) {
	p.showMessage(w, r, http.StatusNotFound, "There is no such page", "Look whether the address is right. If you were in the middle of something, begin again.")
}

func (p *Provider) showFailure(w http.ResponseWriter, r *http.Request, err error) {
	p.Logger.ErrorContext(r.Context(), "oidc: a page failed", "path", r.URL.Path, "error", err)
	p.showMessage(w, r, http.StatusInternalServerError, "Something broke here", "Try again in a moment.")
}

// ShowTooMany is the page for a browser from whose address too many requests came.
// How long it has to wait stands in the header Retry-After already.
func (p *Provider) ShowTooMany(w http.ResponseWriter, r *http.Request) {
	text := "Too many requests come from your network. Wait a moment, then try again."
	if seconds := w.Header().Get("Retry-After"); seconds != "" && seconds != "1" {
		text = "Too many requests come from your network. Wait " + seconds + " seconds, then try again."
	}
	p.showMessage(w, r, http.StatusTooManyRequests, "Too many attempts", text)
}

func (p *Provider) showTooMany(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "900")
	p.showMessage(w, r, http.StatusTooManyRequests, "Too many attempts", "Wait a quarter of an hour, then try again.")
}
