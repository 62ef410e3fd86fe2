package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// The first person of an installation that `tansu dev` runs. They own the system
// tenant, so they may create tenants and invite others.
const (
	demoEmail = "demo@tansu.localhost"
	demoName  = "Demo"
	demoLink  = 15 * time.Minute
)

// demoPatience is how long a start waits for a database that fails meanwhile.
const demoPatience = time.Minute

// demo returns a link that signs the demo user in once, making the user if the
// installation has none. It is empty if somebody else was first. PostgreSQL may be
// restarted meanwhile, so what fails is tried again and taken up where it ended.
func (n *node) demo(ctx context.Context) (link string, err error) {
	return backoff.Retry(ctx, func() (string, error) { return n.offerDemo(ctx) }, backoff.WithMaxElapsedTime(demoPatience))
}

func (n *node) offerDemo(ctx context.Context) (link string, err error) {
	people := users.NewDirectory(n.pool)
	count, err := people.Count(ctx, "")
	if err != nil {
		return "", err
	}
	found, err := people.ByEmailIndex(ctx, n.identity.emailIndex(demoEmail))
	id := found.ID
	switch {
	case errors.Is(err, users.ErrNotFound) && count == 0:
		if id, err = n.registerDemo(ctx); err != nil {
			return "", fmt.Errorf("demo user: %w", err)
		}
	case errors.Is(err, users.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case found.Status != users.StatusActive:
		return "", nil
	}
	if count <= 1 { // where there are others, the demo user's rights are their business
		if err := n.enrolDemo(ctx, id); err != nil {
			return "", fmt.Errorf("demo user: %w", err)
		}
	}
	token, err := n.identity.credentials.Issue(ctx, credentials.SignIn, eventstore.SystemTenant, id, uuid.New(), demoLink)
	return n.cfg.Issuer() + "/auth/once?token=" + url.QueryEscape(token), err
}

func demoCaller() commands.Caller {
	return commands.Caller{Actor: "operator", Reason: "first start of tansu dev", Permissions: func(string) bool { return true }}
}

func (n *node) registerDemo(ctx context.Context) (uuid.UUID, error) {
	registered, err := n.parts.commands.RegisterUser(ctx, commands.Request[commands.RegisterUser]{
		Tenant: eventstore.SystemTenant, Expected: eventstore.AnyVersion, Caller: demoCaller(),
		Command: commands.RegisterUser{Email: demoEmail, Name: demoName, Verified: true},
	})
	if err != nil {
		return uuid.Nil, err
	}
	if err := n.parts.runner.Wait(ctx, users.Name, eventstore.SystemTenant, registered.Position); err != nil {
		return uuid.Nil, err
	}
	return uuid.Parse(registered.State.UserID)
}

// enrolDemo makes the demo user an owner of the system tenant, unless they have
// been a member before.
func (n *node) enrolDemo(ctx context.Context, id uuid.UUID) error {
	added, err := n.parts.commands.AddMember(ctx, commands.Request[commands.AddMember]{
		Tenant: eventstore.SystemTenant, Stream: id.String(), Expected: eventstore.NoStream, Caller: demoCaller(),
		Command: commands.AddMember{Roles: []string{permission.Owner}},
	})
	if conflict := (*eventstore.VersionConflict)(nil); errors.As(err, &conflict) {
		return nil
	}
	if err != nil {
		return err
	}
	return n.parts.runner.Wait(ctx, access.Name, eventstore.SystemTenant, added.Position)
}
