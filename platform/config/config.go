// Package config gathers the settings of a running node, once, before anything
// starts: defaults < YAML file < TANSU_* environment < flags. What is wrong is
// reported all at once, each with the key, the variable and what would be right.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
)

// Config holds every setting. A field's key in the file is the path of its
// koanf tags (http.addr); its variable is TANSU_ and that key (TANSU_HTTP_ADDR)
// unless the env tag names another; its flag is the key with hyphens
// (--http-addr). Secrets have no flag, because arguments are visible to all
// users of a machine; they may come from a file named by the variable plus
// _FILE (TANSU_MASTER_KEY_FILE).
type Config struct {
	DataDir       string `koanf:"data_dir" doc:"folder for everything that a node keeps on disk"`
	NodeID        string `koanf:"node_id" doc:"name of this process, unique in the installation"`
	Roles         string `koanf:"roles" doc:"what this process does, joined by commas: api serves clients, projections keep read models and sagas, workers run jobs"`
	Domain        string `koanf:"domain" doc:"base domain whose sub-domains select tenants by slug; empty: only X-Tenant-Id does"`
	OperatorToken Secret `koanf:"operator_token" doc:"token of the installation's owner; empty: made at the first start"`
	MasterKey     Secret `koanf:"master_key" doc:"key that wraps the keys of data subjects: 32 bytes, base64"`

	PublicURL string `koanf:"public_url" doc:"address under which people and programs reach this installation, e.g. https://tansu.example.com; it is the issuer of tokens; empty: http and http.addr"`

	HTTP        HTTP        `koanf:"http"`
	Limits      Limits      `koanf:"limits"`
	Mail        Mail        `koanf:"mail"`
	Postgres    Postgres    `koanf:"postgres"`
	Bus         string      `koanf:"bus" doc:"what carries events between parts: embedded (inside each process) or amqp (RabbitMQ)"`
	AMQP        AMQP        `koanf:"amqp"`
	Redis       Redis       `koanf:"redis"`
	Cache       Cache       `koanf:"cache"`
	Feeds       Feeds       `koanf:"feeds"`
	Webhooks    Webhooks    `koanf:"webhooks"`
	Log         Log         `koanf:"log"`
	Consistency Consistency `koanf:"consistency"`
	Idempotency Idempotency `koanf:"idempotency"`
	OTLP        OTLP        `koanf:"otlp"`
	Metrics     Metrics     `koanf:"metrics"`
}

// HTTP is the server that clients talk to.
type HTTP struct {
	Addr              string        `koanf:"addr" doc:"address to listen on, host:port"`
	MaxBodyBytes      int64         `koanf:"max_body_bytes" doc:"largest request body"`
	MaxHeaderBytes    int           `koanf:"max_header_bytes" doc:"largest sum of request headers"`
	ReadHeaderTimeout time.Duration `koanf:"read_header_timeout" doc:"time to receive a request's headers"`
	ReadTimeout       time.Duration `koanf:"read_timeout" doc:"time to receive a whole request"`
	RequestTimeout    time.Duration `koanf:"request_timeout" doc:"time to answer, except for reads of a whole log"`
	IdleTimeout       time.Duration `koanf:"idle_timeout" doc:"time that an unused connection is kept"`
	DrainDelay        time.Duration `koanf:"drain_delay" doc:"time between /readyz turning false and the end of listening, for load balancers to notice"`
	ShutdownTimeout   time.Duration `koanf:"shutdown_timeout" doc:"time for running requests to end at a shutdown"`
	Origins           string        `koanf:"origins" doc:"origins besides the server's own whose pages may use the API and open websockets, joined by commas"`
	TrustedProxies    string        `koanf:"trusted_proxies" doc:"networks of proxies whose X-Forwarded-For and X-Forwarded-Proto count, in CIDR notation, joined by commas"`
	TLSCert           string        `koanf:"tls_cert" doc:"file with the certificate and its chain, PEM; read again when it changes; empty: plain http"`
	TLSKey            string        `koanf:"tls_key" doc:"file with the key of http.tls_cert, PEM"`
	Autocert          Autocert      `koanf:"autocert"`
}

// Autocert gets certificates by ACME, for the domains that are named and for the
// sub-domains of tenants.
type Autocert struct {
	Domains      string `koanf:"domains" doc:"names of this installation to get certificates for, joined by commas; sub-domains of tenants come by themselves; empty: none"`
	Email        string `koanf:"email" doc:"mail address that the authority may write to"`
	DirectoryURL string `koanf:"directory_url" doc:"ACME directory of the authority"`
	AcceptTerms  bool   `koanf:"accept_terms" doc:"agree to the terms of the authority; needed"`
	PlainAddr    string `koanf:"plain_addr" doc:"address for plain http, reachable on port 80: answers HTTP-01 challenges and leads to https; empty: none"`
}

// Limits is how many requests may come in a minute. The burst is a minute's worth.
type Limits struct {
	Read        int `koanf:"read" doc:"reads a minute of one principal"`
	Write       int `koanf:"write" doc:"writes a minute of one principal"`
	TenantRead  int `koanf:"tenant_read" doc:"reads a minute of all principals of a tenant together, and of the operator"`
	TenantWrite int `koanf:"tenant_write" doc:"writes a minute of all principals of a tenant together, and of the operator"`
	Address     int `koanf:"address" doc:"requests a minute of one address without credentials that hold"`
	Login       int `koanf:"login" doc:"attempts a minute of one address to sign in or to get a token"`
}

// Postgres is the database. `tansu dev` runs its own when no DSN is given.
type Postgres struct {
	DSN       Secret `koanf:"dsn" doc:"connection string; may point to a transaction pooler"`
	DirectDSN Secret `koanf:"direct_dsn" doc:"connection string past any pooler, for sessions; empty: the same as postgres.dsn"`
	MaxConns  int    `koanf:"max_conns" doc:"connections of this process through postgres.dsn"`
	Bin       string `koanf:"bin" env:"TANSU_PG_BIN" doc:"folder of the programs postgres and initdb for the private server of tansu dev; empty: searched, else downloaded"`
}

// AMQP is the broker of the bus. Nothing is lost with it: the log has it all.
type AMQP struct {
	URL Secret `koanf:"url" doc:"address of RabbitMQ, amqp://user:password@host:5672/vhost or amqps://"`
}

// Redis shares presence, limits and cached answers between processes; without it,
// or while it is away, each process has its own.
type Redis struct {
	URL Secret `koanf:"url" doc:"address of Redis, redis://user:password@host:6379/0 or rediss://; empty: none"`
}

// Cache keeps answers to reads in memory until what they tell changes.
type Cache struct {
	Bytes int64 `koanf:"bytes" doc:"memory for answers to reads that are kept; 0: none are, here or in Redis"`
}

// Feeds bounds what the clients of live feeds may take.
type Feeds struct {
	TenantConnections    int `koanf:"tenant_connections" doc:"open websockets and event streams of one tenant"`
	PrincipalConnections int `koanf:"principal_connections" doc:"open websockets and event streams of one principal"`
}

// Webhooks is about calls to addresses that tenants choose: of webhooks, and of
// their identity providers.
type Webhooks struct {
	AllowedNetworks string `koanf:"allowed_networks" doc:"private networks that webhooks and identity providers may be in all the same, in CIDR notation, joined by commas; plain http is allowed there only"`
}

// Mail is how invites and links reach people. `tansu dev` keeps mail in a mailbox
// of its own when no server is named.
type Mail struct {
	SMTPURL Secret `koanf:"smtp_url" doc:"mail server, smtp://user:password@host:587 (STARTTLS) or smtps://host:465; empty: mail is not sent"`
	From    string `koanf:"from" doc:"sender of mail, e.g. Tansu <no-reply@example.com>"`
}

// Log is what the process tells about itself on standard error.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error"`
	Format string `koanf:"format" doc:"text or json"`
}

// Consistency bounds the wait for read models after a write.
type Consistency struct {
	Wait time.Duration `koanf:"wait" doc:"how long an answer waits for its read models"`
}

// Idempotency bounds the memory of commands' answers.
type Idempotency struct {
	Retention time.Duration `koanf:"retention" doc:"how long the answer to an Idempotency-Key is kept"`
}

// OTLP is where traces go.
type OTLP struct {
	Endpoint string `koanf:"endpoint" doc:"base URL of an OTLP/HTTP collector; empty: the OTEL_EXPORTER_OTLP_* variables decide"`
}

// Metrics is about /metrics.
type Metrics struct {
	Public bool `koanf:"public" doc:"serve /metrics without a token"`
}

// Default returns the settings of a node on which nothing is set.
func Default() Config {
	return Config{
		DataDir: defaultDataDir(),
		NodeID:  defaultNodeID(),
		Roles:   "api,projections,workers",
		HTTP: HTTP{
			Addr:              "127.0.0.1:8080",
			MaxBodyBytes:      1 << 20,
			MaxHeaderBytes:    32 << 10,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			RequestTimeout:    45 * time.Second,
			IdleTimeout:       2 * time.Minute,
			DrainDelay:        5 * time.Second,
			ShutdownTimeout:   25 * time.Second,
			Autocert:          Autocert{DirectoryURL: "https://acme-v02.api.letsencrypt.org/directory"},
		},
		Limits: Limits{
			Read: 60_000, Write: 30_000, TenantRead: 300_000, TenantWrite: 150_000, Address: 6_000, Login: 240,
		},
		Postgres:    Postgres{MaxConns: 32},
		Bus:         "embedded",
		Cache:       Cache{Bytes: 64 << 20},
		Feeds:       Feeds{TenantConnections: 10_000, PrincipalConnections: 10_000},
		Mail:        Mail{From: "Tansu <tansu@localhost>"},
		Log:         Log{Level: "info", Format: "json"},
		Consistency: Consistency{Wait: 2 * time.Second},
		Idempotency: Idempotency{Retention: 24 * time.Hour},
	}
}

// Issuer is PublicURL or, without it, the address of the server itself.
func (c *Config) Issuer() string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	host, port, _ := net.SplitHostPort(c.HTTP.Addr)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	scheme := "http://"
	if c.HTTP.TLS() {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Has reports whether the process plays a role.
func (c *Config) Has(role string) bool { return slices.Contains(list(c.Roles), role) }

// TLS reports whether the server speaks https.
func (h HTTP) TLS() bool { return h.TLSCert != "" || h.Autocert.Domains != "" }

// DomainList lists the names to get certificates for.
func (a Autocert) DomainList() []string { return list(a.Domains) }

// First is one of these names, empty if there is none.
func (a Autocert) First() string {
	first, _, _ := strings.Cut(a.Domains, ",")
	return strings.TrimSpace(first)
}

// OriginList lists the origins whose pages may use the API.
func (h HTTP) OriginList() []string { return list(h.Origins) }

// Proxies lists the networks of trusted proxies. The Config is valid.
func (h HTTP) Proxies() []netip.Prefix { return networks(h.TrustedProxies) }

// Networks lists the private networks that webhooks and identity providers may be in. The Config is
// valid.
func (w Webhooks) Networks() []netip.Prefix { return networks(w.AllowedNetworks) }

func networks(text string) []netip.Prefix {
	var networks []netip.Prefix
	for _, item := range list(text) {
		networks = append(networks, netip.MustParsePrefix(item))
	}
	return networks
}

// list splits at commas and drops what is empty.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// Direct is the connection string for sessions.
func (p Postgres) Direct() Secret {
	if p.DirectDSN != "" {
		return p.DirectDSN
	}
	return p.DSN
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/tansu"
	}
	return filepath.Join(xdg.DataHome, "tansu")
}

// defaultNodeID differs between processes on one machine and between machines.
func defaultNodeID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
