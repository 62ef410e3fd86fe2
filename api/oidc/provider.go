package oidc

import (
	"context"
	"crypto/cipher"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/zitadel/oidc/v3/pkg/op"

	"tansu.cloud/api/middleware"
)

// Provider is the OpenID provider of one process. Safe for concurrent use.
type Provider struct {
	Deps
	issuer   string
	keyring  *keyring
	tickets  cipher.AEAD
	passkeys *webauthn.WebAuthn // nil where there are none
	outbox   chan func(context.Context)
	handler  http.Handler
}

// New returns the provider. Run must run beside it.
func New(d Deps) (*Provider, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Address == nil {
		d.Address = middleware.ClientAddress
	}
	p := &Provider{
		Deps: d, issuer: strings.TrimSuffix(d.Config.PublicURL, "/"), tickets: newTicketCipher(d.Key),
		keyring: &keyring{grants: d.Grants, now: d.Now}, outbox: make(chan func(context.Context), outboxSize),
	}
	var err error
	if p.passkeys, err = newPasskeys(p.issuer); err != nil {
		return nil, fmt.Errorf("oidc: passkeys: %w", err)
	}
	p.handler = p.withAddress(p.routes())
	return p, nil
}

// ServeHTTP serves the endpoints below /oauth/, the pages below /auth/, and the
// documents below /.well-known/.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathDiscovery, p.serveDiscovery)
	mux.HandleFunc("GET "+pathServerMetadata, p.serveDiscovery)
	library := p.harden(op.RegisterServer(&server{Provider: p}, libraryEndpoints(), op.WithServerCORSOptions(nil)))
	for _, path := range []string{endpointToken, endpointKeys, endpointIntrospect, endpointRevoke, endpointUserinfo, endpointDevice} {
		mux.Handle(path, library)
	}
	p.browserRoutes(mux)
	return mux
}

// Run keeps keys and revocations up to date and sends mail, until ctx ends.
func (p *Provider) Run(ctx context.Context) error {
	keys, revocations := time.NewTicker(keysEvery), time.NewTicker(revocationsEvery)
	defer keys.Stop()
	defer revocations.Stop()
	p.refreshKeys(ctx)
	p.refreshRevocations(ctx)
	var mailing sync.WaitGroup
	mailing.Go(func() { p.mailFrom(ctx) })
	defer mailing.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-keys.C:
			p.refreshKeys(ctx)
		case <-revocations.C:
			p.refreshRevocations(ctx)
		}
	}
}

func (p *Provider) refreshKeys(ctx context.Context) {
	if _, err := p.keyring.load(ctx, 0); err != nil && ctx.Err() == nil {
		p.Logger.WarnContext(ctx, "oidc: the signing keys were not read; going on with those known", "error", err)
	}
}

// refreshRevocations also makes what this process revoked count at once.
func (p *Provider) refreshRevocations(ctx context.Context) {
	if err := p.keyring.loadRevocations(ctx); err != nil && ctx.Err() == nil {
		p.Logger.WarnContext(ctx, "oidc: revoked tokens were not read; going on with those known", "error", err)
	}
}
