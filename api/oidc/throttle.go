package oidc

import (
	"context"
	"net/http"
	"time"

	"tansu.cloud/api/middleware"
	"tansu.cloud/platform/limits"
)

// How often something may be tried. Sign-ins are counted by account and address
// together, so that nobody locks a victim out from elsewhere, and by address,
// so that nobody tries one password on many accounts. Guesses that are spread
// over many addresses are counted by account too, but a browser in which the
// account was signed in before does not count there.
var (
	accountAddressTries = limits.Rate{Tokens: 10, Per: 15 * time.Minute, Burst: 10}
	addressTries        = limits.Rate{Tokens: 100, Per: 15 * time.Minute, Burst: 100}
	accountTries        = limits.Rate{Tokens: 100, Per: time.Hour, Burst: 100}
	linkTries           = limits.Rate{Tokens: 5, Per: 15 * time.Minute, Burst: 5}
	mailTries           = limits.Rate{Tokens: 20, Per: time.Hour, Burst: 20}
	userCodeTries       = limits.Rate{Tokens: 10, Per: 10 * time.Minute, Burst: 10}
	deviceStarts        = limits.Rate{Tokens: 60, Per: 10 * time.Minute, Burst: 60}
)

// limitPrefix is the system tenant, to which users belong.
const limitPrefix = "00000000-0000-0000-0000-000000000000/oidc/"

func (p *Provider) allowedToTry(ctx context.Context, what, who string, rate limits.Rate) bool {
	return p.Limits.Allow(ctx, limitPrefix+what+"/"+who, rate, 1).OK
}

// signInAllowed takes one attempt. known says that the account was signed in
// before in this browser.
func (p *Provider) signInAllowed(ctx context.Context, account, address string, known bool) bool {
	address = network(address)
	return p.allowedToTry(ctx, "address", address, addressTries) &&
		p.allowedToTry(ctx, "account-address", account+"/"+address, accountAddressTries) &&
		(known || p.allowedToTry(ctx, "account", account, accountTries))
}

// network is by what addresses are told apart, as the limits of requests do.
func network(address string) string { return middleware.Network(address) }

type addressKey struct{}

// withAddress remembers where a request comes from for what the library calls.
func (p *Provider) withAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := p.Address(r)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, address)))
	})
}

func addressFrom(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
