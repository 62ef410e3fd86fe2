package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/time/rate"
)

// Order says for which names certificates are got, and where.
type Order struct {
	Domains   []string // of the installation, in lower case
	Email     string   // for the authority to write to; may be empty
	Directory string   // of the authority, a URL
	// Parent is the domain whose sub-domains select tenants; empty: there is none.
	Parent string
	// Client speaks to the authority; nil: http.DefaultClient.
	Client *http.Client
}

// Tenants tells whether there is a tenant behind a sub-domain.
type Tenants func(ctx context.Context, slug string) (bool, error)

// Automatic serves TLS with certificates that it gets by ACME (RFC 8555). It has
// none until it is opened, because a node listens before it has its database.
type Automatic struct {
	order   Order
	manager atomic.Pointer[autocert.Manager]
	tenants Tenants
	known   *otter.Cache[string, bool] // slugs that there are
	lookups *rate.Limiter              // of slugs that are not known
}

const (
	maxKnown  = 10_000
	keepKnown = 10 * time.Minute
	// lookupsPerSecond bounds what handshakes with made-up names cost.
	lookupsPerSecond = 20
)

// NewAutomatic returns one that is not open yet.
func NewAutomatic(order Order) *Automatic {
	return &Automatic{
		order: order, lookups: rate.NewLimiter(lookupsPerSecond, lookupsPerSecond),
		known: otter.Must(&otter.Options[string, bool]{
			MaximumSize: maxKnown, ExpiryCalculator: otter.ExpiryWriting[string, bool](keepKnown),
		}),
	}
}

// Open makes it serve certificates, kept in a cache. It is called once; the terms
// of the authority have been agreed to.
func (a *Automatic) Open(cache autocert.Cache, tenants Tenants) {
	a.tenants = tenants
	a.manager.Store(&autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: cache, HostPolicy: a.allow, Email: a.order.Email,
		Client: &acme.Client{DirectoryURL: a.order.Directory, HTTPClient: a.order.Client, UserAgent: "tansu"},
	})
}

var errNotOpen = errors.New("certificates: the node is starting")

// Server returns settings for a server, which answers TLS-ALPN-01 challenges too.
func (a *Automatic) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1", acme.ALPNProto},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			m := a.manager.Load()
			if m == nil {
				return nil, errNotOpen
			}
			// Before the manager, which looks up challenges for any name.
			if err := a.allow(hello.Context(), hello.ServerName); err != nil {
				return nil, err
			}
			return m.GetCertificate(hello)
		},
	}
}

// Plain answers HTTP-01 challenges and leads everything else to https. It is called
// once it is open.
func (a *Automatic) Plain() http.Handler { return a.manager.Load().HTTPHandler(nil) }

var errUnknownName = errors.New("certificates: this is not a name of the installation")

// allow is for names that the installation has: those that are configured, and the
// sub-domains of tenants.
func (a *Automatic) allow(ctx context.Context, host string) error {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h // as plain requests have it
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if slices.Contains(a.order.Domains, host) {
		return nil
	}
	slug, below := strings.CutSuffix(host, "."+a.order.Parent)
	if a.order.Parent == "" || !below || slug == "" || len(slug) > 63 || strings.Contains(slug, ".") {
		return errUnknownName
	}
	if _, known := a.known.GetIfPresent(slug); known {
		return nil
	}
	if !a.lookups.Allow() {
		return errors.New("certificates: too many unknown names are asked for")
	}
	there, err := a.tenants(ctx, slug)
	if err != nil {
		return err
	}
	if !there {
		return errUnknownName
	}
	a.known.Set(slug, true)
	return nil
}

// Close ends the housekeeping of what is remembered.
func (a *Automatic) Close() { a.known.StopAllGoroutines() }
