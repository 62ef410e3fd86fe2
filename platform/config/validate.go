package config

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// MinTokenLength of an operator token that is brought along. One that Tansu
// makes has 256 random bits.
const MinTokenLength = 16

// maxWait is the longest that a client may ask an answer to wait. A request has
// to outlive it.
const maxWait = 30 * time.Second

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// validate adds a problem for each setting that is out of its range.
func (c *Config) validate(problems *InvalidError) {
	checks := map[string]func() string{
		"data_dir":       func() string { return notEmpty(c.DataDir) },
		"node_id":        func() string { return notEmpty(c.NodeID) },
		"roles":          func() string { return checkRoles(c.Roles) },
		"domain":         func() string { return checkDomain(c.Domain) },
		"operator_token": func() string { return checkToken(c.OperatorToken) },
		"master_key":     func() string { return checkMasterKey(c.MasterKey) },
		"public_url":     func() string { return checkPublicURL(c.PublicURL) },

		"mail.smtp_url": func() string { return checkURL(c.Mail.SMTPURL, "smtp", "smtps") },
		"mail.from":     func() string { return checkSender(c.Mail.From) },

		"http.addr":                func() string { return checkAddr(c.HTTP.Addr) },
		"http.max_body_bytes":      func() string { return between(c.HTTP.MaxBodyBytes, 1<<10, 1<<20) },
		"http.max_header_bytes":    func() string { return between(int64(c.HTTP.MaxHeaderBytes), 4<<10, 1<<20) },
		"http.read_header_timeout": func() string { return lasting(c.HTTP.ReadHeaderTimeout, time.Second) },
		"http.read_timeout":        func() string { return lasting(c.HTTP.ReadTimeout, time.Second) },
		"http.request_timeout":     func() string { return lasting(c.HTTP.RequestTimeout, maxWait+time.Second) },
		"http.idle_timeout":        func() string { return lasting(c.HTTP.IdleTimeout, time.Second) },
		"http.drain_delay":         func() string { return lasting(c.HTTP.DrainDelay, 0) },
		"http.shutdown_timeout":    func() string { return lasting(c.HTTP.ShutdownTimeout, 0) },
		"http.origins":             func() string { return checkOrigins(c.HTTP.OriginList()) },
		"http.trusted_proxies":     func() string { return checkNetworks(list(c.HTTP.TrustedProxies)) },
		"http.tls_cert":            func() string { return c.HTTP.checkCertificate() },
		"http.tls_key":             func() string { return c.HTTP.checkKey() },

		"http.autocert.domains":       func() string { return c.HTTP.checkAutocert() },
		"http.autocert.email":         func() string { return checkEmail(c.HTTP.Autocert.Email) },
		"http.autocert.directory_url": func() string { return checkDirectory(c.HTTP.Autocert.DirectoryURL) },
		"http.autocert.plain_addr":    func() string { return c.HTTP.checkPlainAddr() },

		"limits.read":         func() string { return perMinute(c.Limits.Read) },
		"limits.write":        func() string { return perMinute(c.Limits.Write) },
		"limits.tenant_read":  func() string { return perMinute(c.Limits.TenantRead) },
		"limits.tenant_write": func() string { return perMinute(c.Limits.TenantWrite) },
		"limits.address":      func() string { return perMinute(c.Limits.Address) },
		"limits.login":        func() string { return perMinute(c.Limits.Login) },

		"postgres.dsn":        func() string { return checkDSN(c.Postgres.DSN) },
		"postgres.direct_dsn": func() string { return checkDSN(c.Postgres.DirectDSN) },
		"postgres.max_conns":  func() string { return between(int64(c.Postgres.MaxConns), 4, 10_000) },

		"bus":                         func() string { return c.checkBus() },
		"amqp.url":                    func() string { return checkURL(c.AMQP.URL, "amqp", "amqps") },
		"redis.url":                   func() string { return checkURL(c.Redis.URL, "redis", "rediss") },
		"cache.bytes":                 func() string { return between(c.Cache.Bytes, 0, 1<<40) },
		"feeds.tenant_connections":    func() string { return between(int64(c.Feeds.TenantConnections), 1, 1_000_000) },
		"feeds.principal_connections": func() string { return between(int64(c.Feeds.PrincipalConnections), 1, 1_000_000) },
		"webhooks.allowed_networks":   func() string { return checkNetworks(list(c.Webhooks.AllowedNetworks)) },

		"log.level":             func() string { return oneOf(c.Log.Level, "debug", "info", "warn", "error") },
		"log.format":            func() string { return oneOf(c.Log.Format, "text", "json") },
		"consistency.wait":      func() string { return inRange(c.Consistency.Wait, 0, maxWait) },
		"idempotency.retention": func() string { return lasting(c.Idempotency.Retention, time.Minute) },
		"otlp.endpoint":         func() string { return checkEndpoint(c.OTLP.Endpoint) },
	}
	for _, s := range settings {
		check, ok := checks[s.key]
		if !ok || slices.ContainsFunc(problems.Problems, func(p Problem) bool { return p.Key == s.key }) {
			continue
		}
		if fault := check(); fault != "" {
			problems.add(s, "%s", fault)
		}
	}
}

func notEmpty(text string) string {
	if strings.TrimSpace(text) == "" {
		return "must not be empty"
	}
	return ""
}

func oneOf(text string, allowed ...string) string {
	if slices.Contains(allowed, text) {
		return ""
	}
	return strconv.Quote(text) + " is not one of " + strings.Join(allowed, ", ")
}

func between(n, least, most int64) string {
	if n < least || n > most {
		return strconv.FormatInt(n, 10) + " is not between " + strconv.FormatInt(least, 10) + " and " + strconv.FormatInt(most, 10)
	}
	return ""
}

const longest = 365 * 24 * time.Hour

func lasting(d, least time.Duration) string { return inRange(d, least, longest) }

func inRange(d, least, most time.Duration) string {
	if d < least || d > most {
		return d.String() + " is not between " + least.String() + " and " + most.String()
	}
	return ""
}

func checkAddr(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return strconv.Quote(addr) + " is not an address such as 127.0.0.1:8080 or :8080"
	}
	return ""
}

func checkRoles(roles string) string {
	if len(list(roles)) == 0 {
		return "must name at least one of api, projections, workers"
	}
	for _, role := range list(roles) {
		if fault := oneOf(role, "api", "projections", "workers"); fault != "" {
			return fault
		}
	}
	return ""
}

func (c *Config) checkBus() string {
	if c.Bus == "amqp" && c.AMQP.URL == "" {
		return "is amqp, which needs amqp.url (TANSU_AMQP_URL)"
	}
	return oneOf(c.Bus, "embedded", "amqp")
}

// checkURL never quotes the address, which may hold a password.
func checkURL(address Secret, schemes ...string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return "is not an address such as " + schemes[0] + "://user:password@host"
	}
	return ""
}

// checkOrigins: exactly as browsers send them, or they would never match.
func checkOrigins(origins []string) string {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Host, "*") ||
			strings.ToLower(u.Scheme+"://"+u.Host) != origin {
			return strconv.Quote(origin) + " is not an origin such as https://app.example.com, without a path and without *"
		}
	}
	return ""
}

// checkCertificate reads the files, so that a node which cannot serve does not
// start.
func (h HTTP) checkCertificate() string {
	if h.TLSCert == "" || h.TLSKey == "" {
		return both("http.tls_key", h.TLSCert, h.TLSKey)
	}
	if _, err := tls.LoadX509KeyPair(h.TLSCert, h.TLSKey); err != nil {
		return "cannot be used with http.tls_key: " + err.Error()
	}
	return ""
}

func (h HTTP) checkKey() string { return both("http.tls_cert", h.TLSKey, h.TLSCert) }

// both: a setting that is there needs its other half.
func both(otherKey, value, other string) string {
	if value != "" && other == "" {
		return "needs " + otherKey
	}
	return ""
}

func perMinute(n int) string { return between(int64(n), 1, 1_000_000_000) }

func checkNetworks(networks []string) string {
	for _, network := range networks {
		if _, err := netip.ParsePrefix(network); err != nil {
			return strconv.Quote(network) + " is not a network such as 10.1.0.0/16"
		}
	}
	return ""
}

func checkDomain(domain string) string {
	if domain != "" && (len(domain) > 253 || !domainName.MatchString(domain)) {
		return strconv.Quote(domain) + " is not a domain name such as tansu.example.com, in lower case and without a port"
	}
	return ""
}

func checkToken(token Secret) string {
	if token == "" {
		return ""
	}
	visible := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) < MinTokenLength || strings.ContainsFunc(token.Reveal(), visible) {
		return "needs at least " + strconv.Itoa(MinTokenLength) + " letters, digits or signs, without spaces; `openssl rand -hex 32` makes a good one"
	}
	return ""
}

func checkMasterKey(key Secret) string {
	if key == "" {
		return ""
	}
	if _, err := DecodeMasterKey(key); err != nil {
		return err.Error()
	}
	return ""
}

// DecodeMasterKey reads the key that a valid Config holds.
func DecodeMasterKey(key Secret) ([32]byte, error) {
	content, err := base64.StdEncoding.DecodeString(key.Reveal())
	if err != nil || len(content) != 32 {
		return [32]byte{}, errors.New("needs 32 bytes in base64; `openssl rand -base64 32` makes a good one")
	}
	return [32]byte(content), nil
}

// checkDSN never quotes the DSN or the parser's error, which may hold a password.
func checkDSN(dsn Secret) string {
	if dsn == "" {
		return ""
	}
	if _, err := pgxpool.ParseConfig(dsn.Reveal()); err != nil {
		return "is not a connection string such as postgres://user:password@host:5432/database"
	}
	return ""
}

func checkEndpoint(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return strconv.Quote(endpoint) + " is not a URL such as http://127.0.0.1:4318"
	}
	return ""
}

// checkPublicURL: an origin, because cookies and redirects are about one; plain
// http only where nobody can listen in.
func checkPublicURL(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "must be an origin such as https://tansu.example.com, without a path"
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || err == nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return "must begin with https://; http:// is for localhost only"
	}
	return ""
}

func checkSender(text string) string {
	if _, err := mail.ParseAddress(text); err != nil {
		return "must be a mail address such as Tansu <no-reply@example.com>"
	}
	return ""
}
