package rest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// MaxWait is the longest that Prefer: wait=N may ask for.
const MaxWait = 30 * time.Second

// MaxBody is the most that BodyLimit may be set to: the largest event.
const MaxBody = 1 << 20

// Config holds the settings of the interface. Zero values stand for the
// defaults.
type Config struct {
	// Domain of the installation; its sub-domains select tenants by slug.
	// Empty: only X-Tenant-Id does.
	Domain string
	// PublicURL is where people reach the installation: scheme, host and port.
	// Links in messages begin with it. Default http://localhost:8080.
	PublicURL string
	// TrustedProxies are networks whose X-Forwarded-For and X-Forwarded-Proto count.
	TrustedProxies []netip.Prefix
	// BodyLimit is the most bytes of a body. Default 1 MiB.
	BodyLimit int64
	// HeaderLimit is the most bytes of all headers. Default 32 KiB.
	HeaderLimit int
	// Timeout ends a request, except those that read a whole log. Default 45 s;
	// it must leave room for MaxWait.
	Timeout time.Duration
	// WaitDefault is how long commands and reads wait for read models without
	// Prefer: wait=N. Default 2 s.
	WaitDefault time.Duration
	// Provision has new tenants prepared by the workers of the installation; without
	// any, they are active at once.
	Provision bool
	// PlainWebhooks accepts http addresses of webhooks besides https.
	PlainWebhooks bool
	// PublicMetrics serves /metrics without a token.
	PublicMetrics bool
}

func (c *Config) setDefaults() {
	if c.BodyLimit == 0 {
		c.BodyLimit = MaxBody
	}
	if c.HeaderLimit == 0 {
		c.HeaderLimit = 32 << 10
	}
	if c.Timeout == 0 {
		c.Timeout = 45 * time.Second
	}
	if c.WaitDefault == 0 {
		c.WaitDefault = 2 * time.Second
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://localhost:8080"
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	c.Domain = strings.ToLower(strings.Trim(c.Domain, "."))
}

// Validate reports everything that is wrong, at once.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.BodyLimit >= 1<<10 && c.BodyLimit <= MaxBody, "body limit is %d bytes; use 1024 to %d", c.BodyLimit, MaxBody)
	check(c.HeaderLimit >= 4<<10 && c.HeaderLimit <= 1<<20, "header limit is %d bytes; use 4096 to 1048576", c.HeaderLimit)
	check(c.WaitDefault >= 0 && c.WaitDefault <= MaxWait, "default wait is %s; use 0 to %s", c.WaitDefault, MaxWait)
	check(c.Timeout > MaxWait, "request time-out is %s; it must be above %s, the longest wait a client may ask for", c.Timeout, MaxWait)
	check(!strings.ContainsAny(c.Domain, ":/ "), "domain %q has a port, path or space; give the bare host name", c.Domain)
	return errors.Join(errs...)
}
