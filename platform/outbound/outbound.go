// Package outbound makes HTTP clients for addresses that tenants choose, such as
// those of webhooks. A client connects to public addresses only, whatever names
// resolve to, so that nobody reaches through it what stands behind the server's
// firewall (server-side request forgery).
package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Config of a client.
type Config struct {
	// Allowed are private networks that may be reached all the same. Plain http
	// is allowed there only.
	Allowed []netip.Prefix
	// Resolver of names. Default: that of the system.
	Resolver *net.Resolver
}

// ErrRefused: the address lies where the client must not connect to. It does not
// tell the number, which a name server inside may have given away.
var ErrRefused = errors.New("the name or address is not one of the public internet, or is reached by plain http")

// Bounds of a connection. The whole of a request is bounded by its context.
const (
	connectTimeout = 5 * time.Second
	idleTimeout    = 30 * time.Second
	maxHeaderBytes = 32 << 10
)

// NewClient returns a client that checks each address at the moment of
// connecting, after names were resolved. It follows no redirect, uses no proxy,
// keeps no cookie and unpacks no answer.
func NewClient(c Config) *http.Client {
	return &http.Client{
		Transport: schemes{
			"https": c.transport(func(ip netip.Addr) bool { return public(ip) || c.allowed(ip) }),
			"http":  c.transport(c.allowed),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// schemes chooses the transport, and with it the check, by the URL's scheme.
type schemes map[string]*http.Transport

// RoundTrip implements http.RoundTripper.
func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	transport, known := s[r.URL.Scheme]
	if !known {
		return nil, fmt.Errorf("the scheme %q is not http or https", r.URL.Scheme)
	}
	return transport.RoundTrip(r)
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] work.
func (s schemes) CloseIdleConnections() {
	for _, transport := range s {
		transport.CloseIdleConnections()
	}
}

func (c Config) transport(permitted func(netip.Addr) bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout:  connectTimeout,
		Resolver: c.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil || !permitted(target.Addr().Unmap()) {
				return ErrRefused
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        idleTimeout,
	}
}

func (c Config) allowed(ip netip.Addr) bool {
	return ip.Zone() == "" && slices.ContainsFunc(c.Allowed, func(p netip.Prefix) bool { return p.Contains(ip) })
}
