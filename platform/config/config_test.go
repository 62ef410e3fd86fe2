package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tansu.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(set, Default())
	require.NoError(t, set.Parse(args))
	return set
}

func messages(t *testing.T, err error) []string {
	t.Helper()
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	var list []string
	for _, p := range invalid.Problems {
		list = append(list, p.Message)
	}
	return list
}

func TestTheDefaultsAreValid(t *testing.T) {
	t.Parallel()
	cfg, err := Load(Default(), Sources{Flags: flags(t)})
	require.NoError(t, err)
	require.Equal(t, Default(), cfg)
	require.Equal(t, "127.0.0.1:8080", cfg.HTTP.Addr)
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "http:\n  addr: :1\n  drain_delay: 1s\nlog:\n  level: warn\n  format: text\nmetrics:\n  public: true\npostgres:\n")
	cfg, err := Load(Default(), Sources{
		Env:   []string{"TANSU_CONFIG=" + file, "TANSU_HTTP_ADDR=:2", "TANSU_LOG_LEVEL=error", "TANSU_PG_BIN=/pg", "TANSU_DOMAIN="},
		Flags: flags(t, "--http-addr=:3"),
	})
	require.NoError(t, err)
	require.Equal(t, ":3", cfg.HTTP.Addr, "flag")
	require.Equal(t, "error", cfg.Log.Level, "environment")
	require.Equal(t, "/pg", cfg.Postgres.Bin, "environment, by its own name")
	require.Equal(t, "text", cfg.Log.Format, "file")
	require.Equal(t, time.Second, cfg.HTTP.DrainDelay, "file")
	require.True(t, cfg.Metrics.Public, "file")
	require.Equal(t, 2*time.Second, cfg.Consistency.Wait, "default")

	other := writeFile(t, "log: {level: debug}")
	cfg, err = Load(Default(), Sources{Env: []string{"TANSU_CONFIG=" + file}, Flags: flags(t, "--config", other)})
	require.NoError(t, err)
	require.Equal(t, "debug", cfg.Log.Level, "the flag names the file")
	require.Equal(t, "json", cfg.Log.Format)
}

func TestEachSettingComesFromFileVariableAndFlag(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	terms := "TANSU_HTTP_AUTOCERT_ACCEPT_TERMS=true"
	partners := map[string][]string{
		"http.tls_cert": {"TANSU_HTTP_TLS_KEY=" + key}, "http.tls_key": {"TANSU_HTTP_TLS_CERT=" + cert},
		"http.autocert.domains": {terms}, "http.autocert.plain_addr": {terms, "TANSU_HTTP_AUTOCERT_DOMAINS=tansu.example.com"},
	}
	values := map[string]string{
		"data_dir": "/d", "node_id": "n", "domain": "tansu.example.com",
		"operator_token": "0123456789abcdef", "master_key": base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"public_url": "https://tansu.example.com", "mail.smtp_url": "smtps://u@h:465", "mail.from": "Tansu <t@example.com>",
		"http.addr": ":9", "http.max_body_bytes": "4096", "http.max_header_bytes": "8192",
		"http.read_header_timeout": "7s", "http.read_timeout": "7s", "http.request_timeout": "37s",
		"http.idle_timeout": "7s", "http.drain_delay": "7s", "http.shutdown_timeout": "7s",
		"postgres.dsn": "postgres://u@h/d", "postgres.direct_dsn": "postgres://u@h/e", "postgres.max_conns": "7", "postgres.bin": "/b",
		"log.level": "debug", "log.format": "text", "consistency.wait": "7s", "idempotency.retention": "7h0m0s",
		"otlp.endpoint": "http://h:4318", "metrics.public": "true",
		"roles": "api,workers", "bus": "embedded", "amqp.url": "amqp://u@h:5672/v", "redis.url": "redis://h:6379/1",
		"cache.bytes": "7", "feeds.tenant_connections": "7", "feeds.principal_connections": "7",
		"http.origins": "https://app.example.com", "http.trusted_proxies": "10.0.0.0/8,fd00::/8",
		"http.tls_cert": cert, "http.tls_key": key,
		"http.autocert.domains": "tansu.example.com,api.example.com", "http.autocert.email": "a@example.com", "http.autocert.accept_terms": "true",
		"http.autocert.directory_url": "https://acme.example.com/dir", "http.autocert.plain_addr": ":80",
		"limits.read": "7", "limits.write": "7", "limits.tenant_read": "7", "limits.tenant_write": "7", "limits.address": "7", "limits.login": "7",
		"webhooks.allowed_networks": "10.1.0.0/16,127.0.0.0/8",
	}
	for _, s := range settings {
		t.Run(s.key, func(t *testing.T) {
			t.Parallel()
			want, ok := values[s.key]
			require.True(t, ok, "add a value for %s to this test", s.key)
			require.NotEmpty(t, s.doc)
			text := strconv.Quote(want)
			for _, part := range reversed(strings.Split(s.key, ".")) {
				text = fmt.Sprintf("{%s: %s}", part, text)
			}
			sources := map[string]Sources{
				"file":     {Env: []string{"TANSU_CONFIG=" + writeFile(t, text)}},
				"variable": {Env: []string{s.env + "=" + want}},
			}
			if s.secret() {
				sources["secret file"] = Sources{Env: []string{s.env + "_FILE=" + writeFile(t, want+"\n")}}
			} else {
				sources["flag"] = Sources{Flags: flags(t, "--"+s.flag+"="+want)}
			}
			for name, src := range sources {
				src.Env = append(src.Env, partners[s.key]...)
				cfg, err := Load(Default(), src)
				require.NoError(t, err, name)
				value := s.field(&cfg).Interface()
				if secret, ok := value.(Secret); ok {
					value = secret.Reveal()
				}
				require.Equal(t, want, fmt.Sprint(value), name)
			}
		})
	}
}

func reversed(parts []string) []string {
	var list []string
	for i := len(parts) - 1; i >= 0; i-- {
		list = append(list, parts[i])
	}
	return list
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "http:\n  adr: :1\n  read_timeout: soon\nlog: {level: [loud]}\nnonsense: 1\nhttp.max_body_bytes: {a: 1}\n")
	_, err := Load(Default(), Sources{
		Env: []string{
			"TANSU_CONFIG=" + file,
			"TANSU_HTTP_ADDR=8080",
			"TANSU_POSTGRES_DSN=postgres://u:hunter2@h:port/d",
			"TANSU_POSTGRES_MAX_CONNS=many",
			"TANSU_OPERATOR_TOKEN=short",
			"TANSU_MASTER_KEY=c2hvcnQ=",
			"TANSU_METRICS_PUBLIC=perhaps",
			"TANSU_DOMAIN=UPPER.example",
			"TANSU_OTLP_ENDPOINT=collector:4318",
			"TANSU_IDEMPOTENCY_RETENTION=1s",
			"TANSU_DATA_DIR= ",
			"TANSU_ROLES=api,cook",
			"TANSU_BUS=amqp",
			"TANSU_REDIS_URL=http://u:hunter2@h",
			"TANSU_HTTP_ORIGINS=https://app.example.com,*",
			"TANSU_HTTP_TRUSTED_PROXIES=10.0.0.1",
			"TANSU_HTTP_TLS_KEY=/no/such/key.pem",
			"TANSU_HTTP_AUTOCERT_PLAIN_ADDR=:80",
			"TANSU_HTTP_AUTOCERT_EMAIL=Ada <a@example.com>",
			"TANSU_HTTP_AUTOCERT_DIRECTORY_URL=http://acme.example.com",
			"TANSU_LIMITS_LOGIN=0",
			"TANSU_FEEDS_TENANT_CONNECTIONS=0",
			"TANSU_WEBHOOKS_ALLOWED_NETWORKS=10.1.0.0",
		},
		Flags:    flags(t, "--log-format=xml"),
		Required: []string{"postgres.direct_dsn"},
	})
	require.ElementsMatch(t, []string{
		"http.adr in " + file + " is not a setting; did you mean http.addr?",
		"nonsense in " + file + " is not a setting; tansu config show lists all settings",
		`data_dir (TANSU_DATA_DIR, --data-dir): must not be empty`,
		`domain (TANSU_DOMAIN, --domain): "UPPER.example" is not a domain name such as tansu.example.com, in lower case and without a port`,
		"operator_token (TANSU_OPERATOR_TOKEN, or TANSU_OPERATOR_TOKEN_FILE): needs at least 16 letters, digits or signs, without spaces; `openssl rand -hex 32` makes a good one",
		"master_key (TANSU_MASTER_KEY, or TANSU_MASTER_KEY_FILE): needs 32 bytes in base64; `openssl rand -base64 32` makes a good one",
		`http.addr (TANSU_HTTP_ADDR, --http-addr): "8080" is not an address such as 127.0.0.1:8080 or :8080`,
		"http.max_body_bytes (TANSU_HTTP_MAX_BODY_BYTES, --http-max-body-bytes): needs a single value",
		`http.read_timeout (TANSU_HTTP_READ_TIMEOUT, --http-read-timeout): "soon" is not a duration such as 500ms, 2s or 24h`,
		"postgres.dsn (TANSU_POSTGRES_DSN, or TANSU_POSTGRES_DSN_FILE): is not a connection string such as postgres://user:password@host:5432/database",
		"postgres.direct_dsn (TANSU_POSTGRES_DIRECT_DSN, or TANSU_POSTGRES_DIRECT_DSN_FILE): must be set: connection string past any pooler, for sessions; empty: the same as postgres.dsn",
		`postgres.max_conns (TANSU_POSTGRES_MAX_CONNS, --postgres-max-conns): "many" is not a whole number`,
		`roles (TANSU_ROLES, --roles): "cook" is not one of api, projections, workers`,
		"bus (TANSU_BUS, --bus): is amqp, which needs amqp.url (TANSU_AMQP_URL)",
		"redis.url (TANSU_REDIS_URL, or TANSU_REDIS_URL_FILE): is not an address such as redis://user:password@host",
		`http.origins (TANSU_HTTP_ORIGINS, --http-origins): "*" is not an origin such as https://app.example.com, without a path and without *`,
		`http.trusted_proxies (TANSU_HTTP_TRUSTED_PROXIES, --http-trusted-proxies): "10.0.0.1" is not a network such as 10.1.0.0/16`,
		"http.tls_key (TANSU_HTTP_TLS_KEY, --http-tls-key): needs http.tls_cert",
		"http.autocert.plain_addr (TANSU_HTTP_AUTOCERT_PLAIN_ADDR, --http-autocert-plain-addr): needs http.autocert.domains",
		"http.autocert.email (TANSU_HTTP_AUTOCERT_EMAIL, --http-autocert-email): must be a mail address such as admin@example.com",
		`http.autocert.directory_url (TANSU_HTTP_AUTOCERT_DIRECTORY_URL, --http-autocert-directory-url): "http://acme.example.com" is not a URL such as https://acme-v02.api.letsencrypt.org/directory`,
		"limits.login (TANSU_LIMITS_LOGIN, --limits-login): 0 is not between 1 and 1000000000",
		"feeds.tenant_connections (TANSU_FEEDS_TENANT_CONNECTIONS, --feeds-tenant-connections): 0 is not between 1 and 1000000",
		`webhooks.allowed_networks (TANSU_WEBHOOKS_ALLOWED_NETWORKS, --webhooks-allowed-networks): "10.1.0.0" is not a network such as 10.1.0.0/16`,
		"log.level (TANSU_LOG_LEVEL, --log-level): needs a single value",
		`log.format (TANSU_LOG_FORMAT, --log-format): "xml" is not one of text, json`,
		"idempotency.retention (TANSU_IDEMPOTENCY_RETENTION, --idempotency-retention): 1s is not between 1m0s and 8760h0m0s",
		`otlp.endpoint (TANSU_OTLP_ENDPOINT, --otlp-endpoint): "collector:4318" is not a URL such as http://127.0.0.1:4318`,
		`metrics.public (TANSU_METRICS_PUBLIC, --metrics-public): "perhaps" is neither true nor false`,
	}, messages(t, err))
	require.NotContains(t, err.Error(), "hunter2")
}

func TestSourcesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"no such file":   {[]string{"TANSU_CONFIG=/no/such.yaml"}, "the file /no/such.yaml, named by --config or TANSU_CONFIG, does not exist"},
		"not yaml":       {[]string{"TANSU_CONFIG=" + writeFile(t, "a: [")}, "cannot be read"},
		"no secret file": {[]string{"TANSU_MASTER_KEY_FILE=/no/such"}, "TANSU_MASTER_KEY_FILE: open /no/such"},
		"secret twice":   {[]string{"TANSU_OPERATOR_TOKEN=0123456789abcdef", "TANSU_OPERATOR_TOKEN_FILE=/x"}, "are both set; remove one"},
	} {
		_, err := Load(Default(), Sources{Env: test.env})
		require.Len(t, messages(t, err), 1, name)
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.OperatorToken = "hunter2-hunter2-hunter2"
	cfg.MasterKey = "aHVudGVyMg=="
	cfg.Postgres.DSN = "postgres://tansu:hunter2@db:5432/tansu?sslmode=require&password=hunter2"
	cfg.Postgres.DirectDSN = "host=db password=hunter2"

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", cfg, "token", cfg.OperatorToken)
	asYAML, err := cfg.YAML()
	require.NoError(t, err)
	asJSON, err := cfg.JSON()
	require.NoError(t, err)
	for _, text := range []string{log.String(), string(asYAML), string(asJSON), fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg.Postgres.DSN)} {
		require.NotContains(t, text, "hunter2")
		require.NotContains(t, text, "aHVudGVyMg")
		require.Contains(t, text, "tansu@db:5432/tansu?sslmode=require")
	}
	var rendered struct{ Postgres map[string]any }
	require.NoError(t, json.Unmarshal(asJSON, &rendered))
	require.Equal(t, "[redacted]", rendered.Postgres["direct_dsn"])
}

func TestShownSettingsCanBeLoadedAgain(t *testing.T) {
	t.Parallel()
	want := Default()
	want.HTTP.IdleTimeout = 90 * time.Second
	want.Metrics.Public = true
	shown, err := want.YAML()
	require.NoError(t, err)
	got, err := Load(Config{}, Sources{Env: []string{"TANSU_CONFIG=" + writeFile(t, string(shown))}})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// certificate writes one with its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

func TestCertificatesAreTried(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, otherKey := certificate(t)
	for _, h := range []HTTP{{TLSCert: cert, TLSKey: otherKey}, {TLSCert: "/no/such", TLSKey: key}, {TLSCert: key, TLSKey: key}} {
		require.Contains(t, h.checkCertificate(), "cannot be used with http.tls_key")
		require.Empty(t, h.checkKey(), "one problem is enough")
	}
	require.Empty(t, HTTP{TLSCert: cert, TLSKey: key}.checkCertificate())
	require.Empty(t, HTTP{}.checkCertificate())
	require.Equal(t, "needs http.tls_key", HTTP{TLSCert: cert}.checkCertificate())
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for text, valid := range map[string]bool{
		"https://app.example.com": true, "http://localhost:5173": true, "http://[::1]:5173": true,
		"app.example.com": false, "*": false, "https://*": false, "https://*.example.com": false, "null": false,
		"https://app.example.com/": false, "https://app.example.com/x": false, "https://u@app.example.com": false, "ws://app.example.com": false,
		"https://App.example.com": false,
	} {
		require.Equal(t, valid, checkOrigins([]string{text}) == "", text)
	}
}

func TestAutocert(t *testing.T) {
	t.Parallel()
	for domains, fault := range map[string]string{
		"": "", "tansu.example.com": "", "tansu.example.com,api.tansu.example.com": "",
		"*.example.com": "not a domain name", "Tansu.example.com": "not a domain name", "https://tansu.example.com": "not a domain name",
		"localhost": "not a name that a public authority knows", "192.0.2.1": "not a name that a public authority knows",
		"a.example.com,a.example.com": "named twice",
	} {
		found := HTTP{Autocert: Autocert{Domains: domains, AcceptTerms: true}}.checkAutocert()
		require.Equal(t, fault == "", found == "", found)
		require.Contains(t, found, fault)
	}
	a := Autocert{Domains: "a.example.com", PlainAddr: ":443"}
	require.Contains(t, HTTP{Autocert: a}.checkAutocert(), "http.autocert.accept_terms")
	require.Contains(t, HTTP{TLSCert: "c", Autocert: a}.checkAutocert(), "http.tls_cert")
	require.Contains(t, HTTP{Addr: ":443", Autocert: a}.checkPlainAddr(), "choose another port")
	cfg := Default()
	cfg.HTTP.Autocert.Domains = "a.example.com"
	require.Equal(t, "https://localhost:8080", cfg.Issuer())
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ public, addr, want string }{
		{"https://tansu.example.com/", ":80", "https://tansu.example.com"},
		{"", "127.0.0.1:8080", "http://localhost:8080"},
		{"", ":8080", "http://localhost:8080"},
		{"", "10.0.0.7:8080", "http://10.0.0.7:8080"},
	} {
		cfg := Default()
		cfg.PublicURL, cfg.HTTP.Addr = c.public, c.addr
		require.Equal(t, c.want, cfg.Issuer())
	}
	cfg := Default()
	cfg.HTTP.TLSCert = "cert.pem"
	require.Equal(t, "https://localhost:8080", cfg.Issuer())
	for text, valid := range map[string]bool{
		"https://tansu.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:1": true, "http://acme.localhost": true,
		"http://tansu.example.com": false, "https://x/y": false, "https://u@x": false, "https://x?q": false, "x": false, "ftp://x": false,
	} {
		require.Equal(t, valid, checkPublicURL(text) == "", text)
	}
}
