package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

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

// demo returns a link that signs the demo user in once, making the user if the
// installation has none. It is empty if somebody else was first.
func (n *node) demo(ctx context.Context) (link string, err error) {
	people := users.NewDirectory(n.pool)
	found, err := people.ByEmailIndex(ctx, n.identity.emailIndex(demoEmail))
	id := found.ID
	switch {
	case errors.Is(err, users.ErrNotFound):
		count, err := people.Count(ctx, "")
		if err != nil || count > 0 {
			return "", err
		}
		if id, err = n.makeDemo(ctx); err != nil {
			return "", err
		}
	case err != nil:
		return "", err
	case found.Status != users.StatusActive:
		return "", nil
	}
	token, err := n.identity.credentials.Issue(ctx, credentials.SignIn, eventstore.SystemTenant, id, uuid.New(), demoLink)
	return n.cfg.Issuer() + "/auth/once?token=" + url.QueryEscape(token), err
}

func (n *node) makeDemo(ctx context.Context) (uuid.UUID, error) {
	caller := commands.Caller{Actor: "operator", Reason: "first start of tansu dev", Permissions: func(string) bool { return true }}
	registered, err := n.parts.commands.RegisterUser(ctx, commands.Request[commands.RegisterUser]{
		Tenant: eventstore.SystemTenant, Expected: eventstore.AnyVersion, Caller: caller,
		Command: commands.RegisterUser{Email: demoEmail, Name: demoName, Verified: true},
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("demo user: %w", err)
	}
	added, err := n.parts.commands.AddMember(ctx, commands.Request[commands.AddMember]{
		Tenant: eventstore.SystemTenant, Stream: registered.State.UserID, Expected: eventstore.AnyVersion, Caller: caller,
		Command: commands.AddMember{Roles: []string{permission.Owner}},
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("demo user: %w", err)
	}
	for _, readModel := range []string{users.Name, access.Name} {
		if err := n.parts.runner.Wait(ctx, readModel, eventstore.SystemTenant, added.Position); err != nil {
			return uuid.Nil, fmt.Errorf("demo user: %w", err)
		}
	}
	return uuid.Parse(registered.State.UserID)
}
