package oidc

import (
	"net/http"
)

// browserRoutes adds what people's browsers visit. Forms are accepted from our
// own pages only; the two endpoints that other sites may post to answer with a
// redirect and decide nothing before it.
func (p *Provider) browserRoutes(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(p.issuer); err != nil {
		panic(err) // Config.Validate has seen to it
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.showMessage(w, r, http.StatusForbidden, "This form came from elsewhere", "Open the page here and try again.")
	}))
	mux.HandleFunc("GET "+endpointAuthorize, p.authorize)
	mux.HandleFunc("POST "+endpointAuthorize, p.authorize)
	mux.HandleFunc("GET "+endpointEndSession, p.endSessionEndpoint)
	mux.HandleFunc("POST "+endpointEndSession, p.endSessionEndpoint)
	mux.HandleFunc("GET "+pageHome, p.showNothing)
	mux.HandleFunc("GET "+pageStyle, asset("pages/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET "+pageScript, asset("pages/passkey.js", "text/javascript; charset=utf-8"))
	for path, page := range map[string]http.HandlerFunc{
		pageHome + "{$}": p.showHome,
		pageLogin:        p.showLogin,
		pageOnce:         p.showOnce,
		pageContinue:     p.serveContinue,
		pageTenant:       p.showTenants,
		pageConsent:      p.showConsent,
		pageDevice:       p.showDevice,
		pageInvite:       p.showInvite,
		pageForgot:       p.showForgot,
		pageReset:        p.showReset,
		pageVerify:       p.showVerify,
		pageSignOut:      p.showSignOut,
		pageLoggedOut:    p.showLoggedOut,
		pageSecurity:     p.showSecurity,
		pageExternal:     p.beginExternal,

		pageCallback + "{provider}": p.finishExternal,
	} {
		mux.HandleFunc("GET "+path, page)
	}
	for path, form := range p.forms() {
		mux.Handle("POST "+path, guard.Handler(p.readForm(form)))
	}
}

// forms lists what our pages post.
func (p *Provider) forms() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		pageLogin:     p.login,
		pageLink:      p.sendLink,
		pageOnce:      p.loginOnce,
		pageTenant:    p.chooseTenant,
		pageConsent:   p.decideConsent,
		pageDevice:    p.enterUserCode,
		pageDecision:  p.decideDevice,
		pageInvite:    p.acceptInvite,
		pageForgot:    p.sendReset,
		pageReset:     p.resetPassword,
		pageVerify:    p.verifyEmail,
		pageVerifyNew: p.sendVerification,
		pageSignOut:   p.signOut,

		pagePasskey:       p.loginPasskey,
		pageSecond:        p.loginSecond,
		pageTOTP:          p.beginTOTP,
		pageTOTPConfirm:   p.enableTOTP,
		pageTOTPDisable:   p.disableTOTP,
		pageCodes:         p.newCodes,
		pagePasskeyAdd:    p.addPasskey,
		pagePasskeyRename: p.renamePasskey,
		pagePasskeyRemove: p.removePasskey,
		pageSession:       p.revokeSession,
		pageWithdraw:      p.withdrawConsent,

		pageOrganisation: p.findOrganisation,
		pageIdentity:     p.beginLink,
		pageUnlink:       p.unlinkIdentity,
	}
}

// readForm parses what was posted; addresses carry nothing.
func (p *Provider) readForm(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		r.URL.RawQuery = ""
		if err := r.ParseForm(); err != nil {
			p.showError(w, r, http.StatusBadRequest, "What was sent cannot be read.")
			return
		}
		if _, bad := repeated(r.PostForm); bad {
			p.showError(w, r, http.StatusBadRequest, "What was sent cannot be read.")
			return
		}
		next(w, r)
	})
}
