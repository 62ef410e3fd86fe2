package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	jobsrabbitmq "tansu.cloud/platform/bus/jobs/rabbitmq"
	"tansu.cloud/platform/outbound"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/projections/sagas/webhooks"
)

// webhookParts answer what the interface asks about webhooks.
type webhookParts struct {
	*readmodel.Endpoints
	*webhooks.Secrets
	*webhooks.Courier
}

func (n *node) openWebhooks(master [32]byte) error {
	key, err := derive(master, "tansu webhook secrets", 32)
	if err != nil {
		return err
	}
	w := &n.parts.webhooks
	w.Endpoints, w.Secrets = readmodel.NewEndpoints(n.own), webhooks.NewSecrets(n.pool, [32]byte(key))
	w.Courier, err = webhooks.NewCourier(webhooks.Config{
		Pool: n.pool, Log: n.parts.store, Secrets: w.Secrets, Logger: n.logger,
		Client:  outbound.NewClient(outbound.Config{Allowed: n.cfg.Webhooks.Networks()}),
		Disable: n.disableWebhook,
	})
	return err
}

// disableWebhook is what the courier does with an address that says it is gone.
func (n *node) disableWebhook(ctx context.Context, tenant, webhook uuid.UUID, reason string) error {
	_, err := n.parts.commands.DisableWebhook(ctx, commands.Request[commands.DisableWebhook]{
		Tenant: tenant, Stream: webhook.String(), Command: commands.DisableWebhook{Reason: reason},
		Caller:   commands.Caller{Actor: "system:webhooks", Permissions: func(string) bool { return true }},
		Expected: eventstore.AnyVersion,
	})
	return err
}

// jobLease is how long a job stays with a node that has died; zero: the default.
// Tests that kill nodes shorten it.
var jobLease time.Duration

// newWorkers does the jobs.
func (n *node) newWorkers() (*jobs.Workers, error) {
	kinds := n.parts.webhooks.Kinds()
	maps.Copy(kinds, n.parts.provisioner.Kinds())
	maps.Copy(kinds, n.parts.usher.Kinds())
	maps.Copy(kinds, n.parts.teller.Kinds())
	maps.Copy(kinds, n.parts.severer.Kinds())
	c := jobs.Config{Pool: n.pool, NodeID: n.cfg.NodeID, Kinds: kinds, Lease: jobLease, Logger: n.logger}
	if n.cfg.Bus == "amqp" {
		carrier, err := jobsrabbitmq.New(jobsrabbitmq.Config{URL: n.cfg.AMQP.URL.Reveal(), Name: n.cfg.NodeID, Logger: n.logger})
		if err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		c.Carrier = carrier
	}
	return jobs.New(c)
}

// wakeWorkers hurries the workers of this process, if it has any; those of others
// look for jobs at intervals.
func (n *node) wakeWorkers() {
	if n.parts.workers != nil {
		n.parts.workers.Wake()
	}
}
