package main

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/bounds"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/config"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/usage"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/readmodels/webhooks"
	credentialsaga "tansu.cloud/projections/sagas/credentials"
	"tansu.cloud/projections/sagas/departures"
	"tansu.cloud/projections/sagas/joborders"
	"tansu.cloud/projections/sagas/notices"
	"tansu.cloud/projections/sagas/provisioning"
	"tansu.cloud/projections/sagas/severance"
	webhooksaga "tansu.cloud/projections/sagas/webhooks"
)

// parts of a node between its database and its port, in the order in which an
// event meets them.
type parts struct {
	store    *postgres.Store
	walled   *postgres.Reader // the log as the tenant of a context sees it
	commands *commands.Commands
	history  *commands.History
	runner   *projections.Runner
	hub      *feeds.Hub // nil without the role api
	webhooks webhookParts
	codec    *eventstore.Codec

	provisioner *provisioning.Provisioner
	usher       *departures.Usher
	teller      *notices.Teller
	severer     *severance.Severer
	workers     *jobs.Workers // nil without the role workers
}

// projections are what every installation runs: read models and sagas.
func (n *node) projections() []projections.Projection {
	return []projections.Projection{
		tenantdirectory.New(), deadletters.New(), webhooks.New(), webhooksaga.New(n.logger, n.wakeWorkers), joborders.New(n.wakeWorkers),
		provisioning.New(n.wakeWorkers), credentialsaga.New(), departures.New(n.wakeWorkers), severance.New(n.wakeWorkers), notices.New(n.wakeWorkers),
		users.New(), clients.New(), directory.New(),
	}
}

// startParts starts the log, the relay and what follows them, and returns when
// every read model can be read.
func (n *node) startParts(ctx context.Context) error {
	master, err := config.DecodeMasterKey(n.cfg.MasterKey)
	if err != nil {
		return err
	}
	if err := n.openEngines(ctx); err != nil {
		return err
	}
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: n.engines.bus, Logger: n.logger})
	if err != nil {
		return err
	}
	notifier, err := postgres.NewNotifier(postgres.NotifierConfig{
		DSN: n.cfg.Postgres.Direct().Reveal(), NodeID: n.cfg.NodeID, Heard: n.heard, Logger: n.logger,
	})
	if err != nil {
		return err
	}

	emailKey, err := derive(master, "tansu e-mail index", sha256.Size)
	if err != nil {
		return err
	}
	n.identity.emailIndex = newEmailIndex(emailKey)

	p := &n.parts
	p.store = postgres.New(n.pool, postgres.Options{Logger: n.logger, OnCommit: func(events []eventstore.Event) {
		relay.Committed(events)
		notifier.Committed(events)
	}})
	p.walled = postgres.NewReader(n.own)
	deps := commands.Deps{
		Store: p.store, Snapshots: p.store, Logger: n.logger,
		Codec: eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(n.pool, master)),
		Sagas: []string{
			webhooks.Saga, joborders.Name, provisioning.Name, credentialsaga.Name, departures.Name, severance.Name, notices.Name,
		},
		EmailIndex: n.identity.emailIndex,
		Usage:      usage.NewCounter(n.pool).Of,
	}
	p.codec = deps.Codec
	p.commands = commands.New(deps)
	deps.Snapshots, deps.Store = p.walled, struct {
		eventstore.Appender
		eventstore.Reader
	}{p.store, p.walled}
	p.history = commands.NewHistory(deps)
	p.runner, err = projections.NewRunner(projections.Config{
		NodeID: n.cfg.NodeID, Projections: n.projections(), Pool: n.pool, Log: p.store, Decoder: deps.Codec,
		Control: projectionControl{p.commands}, Bus: n.engines.bus, Follow: !n.cfg.Has("projections"), Logger: n.logger,
	})
	if err != nil {
		return err
	}
	if err := n.openWebhooks(master); err != nil {
		return err
	}
	if err := n.openCredentials(master); err != nil {
		return err
	}
	if err := n.openProvisioning(); err != nil {
		return err
	}
	if err := n.openNotices(); err != nil {
		return err
	}
	if err := n.openDepartures(); err != nil {
		return err
	}
	if err := n.openSeverance(); err != nil {
		return err
	}

	// The relay starts before the store and stops after it, so that no commit
	// finds it gone; what follows needs both.
	services := []named{
		{"relay", relay}, {"event log", p.store},
		{"idempotency cleaner", newLoop(cleanIdempotency(p.store, n.cfg.Idempotency.Retention, n.logger))},
		{"projections", p.runner},
	}
	if n.cfg.Has("api") {
		if p.hub, err = n.newHub(); err != nil {
			return err
		}
		services = append(services, named{"feeds", p.hub})
	}
	if n.cfg.Has("workers") {
		if p.workers, err = n.newWorkers(); err != nil {
			return err
		}
		services = append(services, named{"webhooks", p.webhooks.Courier}, named{"jobs", p.workers})
	}
	services = append(services, named{"notifier", notifier}) // it tells all of them
	if err := n.startAll(ctx, services...); err != nil {
		return err
	}
	select {
	case <-p.runner.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// heard passes on what another node has committed.
func (n *node) heard(tenant uuid.UUID, position int64) {
	n.parts.runner.Hint(tenant, position)
	if n.parts.hub != nil {
		n.parts.hub.Hint(tenant, position)
	}
}

// openInterface puts the REST interface in place of the bare probes.
func (n *node) openInterface(ctx context.Context, operator access.OperatorToken) error {
	master, err := config.DecodeMasterKey(n.cfg.MasterKey)
	if err != nil {
		return err
	}
	if err := n.openIdentity(ctx, master, operator); err != nil {
		return err
	}
	if err := n.openCertificates(ctx, master); err != nil {
		return err
	}
	signingSeed, err := derive(master, "tansu audit export signing", ed25519.SeedSize)
	if err != nil {
		return err
	}
	cursorKey, err := derive(master, "tansu page cursors", sha256.Size)
	if err != nil {
		return err
	}
	deps := rest.Deps{
		Config: rest.Config{
			Domain: n.cfg.Domain, PublicURL: n.cfg.Issuer(), BodyLimit: n.cfg.HTTP.MaxBodyBytes, HeaderLimit: n.cfg.HTTP.MaxHeaderBytes,
			Timeout: n.cfg.HTTP.RequestTimeout, WaitDefault: n.cfg.Consistency.Wait, PublicMetrics: n.cfg.Metrics.Public,
			Provision: true, PlainWebhooks: len(n.cfg.Webhooks.Networks()) > 0,
			TrustedProxies: n.cfg.HTTP.Proxies(),
		},
		Commands: n.parts.commands, History: n.parts.history, Log: n.parts.walled,
		Tenants: tenantdirectory.NewDirectory(n.platform), DeadLetters: deadletters.NewLetters(n.own),
		Projections: projectionQueries{n.parts.runner}, Access: n.identity.access,
		Signer: ed25519.NewKeyFromSeed(signingSeed), CursorKey: cursorKey,
		Health: n.health, Metrics: n.telemetry.Handler(), Logger: n.logger,
		Usage:    usage.NewCounter(n.own),
		Webhooks: n.parts.webhooks, Jobs: jobQueries{jobs.NewQueue(n.own)}, Limits: n.engines.limits, Cache: n.engines.cache,
	}
	if !n.cfg.Has("api") {
		return n.http.serveAPI(rest.NewProbes(deps))
	}
	n.bounds, err = bounds.NewTable(append(n.cfg.HTTP.OriginList(), n.cfg.Issuer()), deps.Tenants, directory.NewDirectory(n.own))
	if err != nil {
		return err
	}
	n.onStop("bounds of tenants", func(context.Context) error { n.bounds.Close(); return nil })
	deps.Bounds = n.bounds
	sockets, err := n.newSockets()
	if err != nil {
		return err
	}
	deps.Feeds, deps.Sockets = sockets, sockets
	deps.Users, deps.Clients, deps.Directory = users.NewDirectory(n.platform), clients.NewDirectory(n.platform), directory.NewDirectory(n.own)
	deps.Credentials, deps.Mailer, deps.Identity = n.identity.credentials, n.identity.mailer, n.identity.provider
	deps.Consents = n.identity.provider
	deps.TooMany = http.HandlerFunc(n.identity.provider.ShowTooMany)
	deps.Federation, deps.NameServers = n.identity.federation, net.DefaultResolver
	if n.mailbox != nil {
		deps.Mailbox = n.mailbox
	}
	if deps.RateLimits, err = n.newRateLimits(); err != nil {
		return err
	}
	return n.http.serveAPI(rest.New(deps))
}

func (n *node) newRateLimits() (*middleware.RateLimits, error) {
	l := n.cfg.Limits
	return middleware.NewRateLimits(n.engines.limits, middleware.Rates{
		Read: middleware.PerMinute(l.Read), Write: middleware.PerMinute(l.Write),
		TenantRead: middleware.PerMinute(l.TenantRead), TenantWrite: middleware.PerMinute(l.TenantWrite),
		Address: middleware.PerMinute(l.Address), Login: middleware.PerMinute(l.Login),
	})
}

// derive makes a key for one purpose from the master key, so that a node needs
// no other secret and all nodes have the same (RFC 5869).
func derive(master [32]byte, purpose string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, master[:], nil, purpose, length)
}

// componentTimeout bounds what a probe waits for the database.
const componentTimeout = 2 * time.Second

func (n *node) health(ctx context.Context) rest.Health {
	ctx, cancel := context.WithTimeout(ctx, componentTimeout)
	defer cancel()
	h := rest.Health{
		Started: n.http.current() != starting, Ready: n.http.current() == serving,
		Components: map[string]rest.Component{},
	}
	note := func(name string, err error, detail string) {
		c := rest.Component{Ready: err == nil, Detail: detail}
		if err != nil {
			c.Detail = err.Error()
			h.Ready = false
		}
		h.Components[name] = c
	}
	note("database", n.pool.Ping(ctx), "")
	for name, healthy := range n.engines.health {
		// The node works without it, only slower or for itself.
		detail := "connected"
		if err := healthy(); err != nil {
			detail = "away: " + err.Error()
		}
		note(name, nil, detail)
	}
	statuses, err := n.parts.runner.Status(ctx)
	if err != nil {
		note("projections", err, "")
	}
	for _, s := range statuses {
		var failed error
		if s.State == projections.StateFailed {
			failed = errors.New(s.LastError)
		}
		note("projection "+s.Name, failed, fmt.Sprintf("%s, lag %d events", s.State, s.LagEvents))
	}
	return h
}
