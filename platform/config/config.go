// Package config gathers the settings of a running node, once, before anything
// starts: defaults < YAML file < TANSU_* environment < flags. What is wrong is
// reported all at once, each with the key, the variable and what would be right.
package config

import (
	"fmt"
	"os"
	"path/filepath"
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
	Domain        string `koanf:"domain" doc:"base domain whose sub-domains select tenants by slug; empty: only X-Tenant-Id does"`
	OperatorToken Secret `koanf:"operator_token" doc:"token of the installation's owner; empty: made at the first start"`
	MasterKey     Secret `koanf:"master_key" doc:"key that wraps the keys of data subjects: 32 bytes, base64"`

	HTTP        HTTP        `koanf:"http"`
	Postgres    Postgres    `koanf:"postgres"`
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
}

// Postgres is the database. `tansu dev` runs its own when no DSN is given.
type Postgres struct {
	DSN       Secret `koanf:"dsn" doc:"connection string; may point to a transaction pooler"`
	DirectDSN Secret `koanf:"direct_dsn" doc:"connection string past any pooler, for sessions; empty: the same as postgres.dsn"`
	MaxConns  int    `koanf:"max_conns" doc:"connections of this process through postgres.dsn"`
	Bin       string `koanf:"bin" env:"TANSU_PG_BIN" doc:"folder of the programs postgres and initdb for the private server of tansu dev; empty: searched, else downloaded"`
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
		},
		Postgres:    Postgres{MaxConns: 32},
		Log:         Log{Level: "info", Format: "json"},
		Consistency: Consistency{Wait: 2 * time.Second},
		Idempotency: Idempotency{Retention: 24 * time.Hour},
	}
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
