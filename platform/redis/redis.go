// Package redis connects a process to the Redis that the nodes of an
// installation may share. Redis is optional at every moment: a Link says whether
// it is there, what depends on it asks first and else does without, and a call
// takes no longer than a short timeout. platform/presence/redis,
// platform/limits/redis and platform/cache/redis stand on it.
package redis

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// Config of a Link. Fields without a stated default are required.
type Config struct {
	// URL names the server: redis://user:password@host:port/database, rediss:// for
	// TLS, unix:///path?db=number. It may hold a password and is never shown.
	URL string

	// Prefix leads every key and topic; installations on one server need different
	// ones. Default tansu.
	Prefix string
	// Beat is the time between a node's signs of life; a node of which nothing was
	// heard for three of them is dead. Default 3 s.
	Beat time.Duration
	// Timeout bounds each call. Default 250 ms.
	Timeout time.Duration

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

// LifeBeats is how many beats a node is believed to live after its last one.
const LifeBeats = 3

func (c *Config) setDefaults() {
	if c.Prefix == "" {
		c.Prefix = "tansu"
	}
	if c.Beat == 0 {
		c.Beat = 3 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
}

// validate returns all problems at once.
func (c *Config) validate() error {
	var problems []error
	if c.URL == "" {
		problems = append(problems, errors.New("redis: URL is missing"))
	}
	if c.Beat < 10*time.Millisecond {
		problems = append(problems, fmt.Errorf("redis: Beat of %s is out of range", c.Beat))
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("redis: Timeout of %s is out of range", c.Timeout))
	}
	return errors.Join(problems...)
}

const dialTimeout = time.Second

// option reads the URL. Errors of the parser quote it, so none is passed on.
func (c *Config) option() (rueidis.ClientOption, error) {
	option, err := rueidis.ParseURL(c.URL)
	if err != nil {
		return option, errors.New("redis: the URL cannot be read; write redis://user:password@host:port/database (rediss:// for TLS), with special characters of the password percent-encoded")
	}
	option.ClientName = "tansu"
	option.Dialer.Timeout = dialTimeout
	option.ForceSingleClient = true
	option.DisableCache = true
	option.DisableRetry = true // who calls does without
	option.ReadBufferEachConn, option.WriteBufferEachConn = 64<<10, 64<<10
	return option, nil
}
