package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/sagas/provisioning"
)

// openProvisioning comes after the commands and the mailer.
func (n *node) openProvisioning() (err error) {
	c := provisioning.Config{
		Log: n.parts.store, Decoder: n.parts.codec, Commands: provisioningCommands{n.parts.commands}, Logger: n.logger,
	}
	if _, none := n.identity.mailer.(noMail); !none {
		c.Post = post{n.identity.credentials, n.identity.mailer, n.cfg.Issuer()}
	}
	n.parts.provisioner, err = provisioning.NewProvisioner(c)
	return err
}

// provisioningCommands are what the provisioning of tenants may do.
type provisioningCommands struct{ *commands.Commands }

func byProvisioning[C any](tenant uuid.UUID, stream string, command C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: command, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "system:provisioning", Permissions: func(string) bool { return true }},
	}
}

// OpenSpace implements provisioning.Commands, as do the others.
func (c provisioningCommands) OpenSpace(ctx context.Context, id uuid.UUID) error {
	_, err := c.Commands.OpenSpace(ctx, byProvisioning(id, "", commands.OpenSpace{}))
	return err
}

func (c provisioningCommands) CompleteStep(ctx context.Context, id uuid.UUID, step, invite string) (tenant.State, error) {
	done, err := c.CompleteProvisioningStep(ctx, byProvisioning(eventstore.SystemTenant, id.String(),
		commands.CompleteProvisioningStep{Step: step, InviteID: invite}))
	return done.State, err
}

func (c provisioningCommands) Fail(ctx context.Context, id uuid.UUID, step, cause string) error {
	_, err := c.FailProvisioning(ctx, byProvisioning(eventstore.SystemTenant, id.String(), commands.FailProvisioning{Step: step, Error: cause}))
	return err
}

// InviteOwner makes the invite once: a repeat finds it, and renews one that is so
// old that the log has forgotten the key. Of one that was accepted meanwhile there
// is nothing to be sent.
func (c provisioningCommands) InviteOwner(ctx context.Context, i provisioning.Invite, key string) (token uuid.UUID, expires time.Time, err error) {
	r := byProvisioning(i.Tenant, i.ID.String(), commands.CreateInvite{
		Email: i.Email, Roles: []string{permission.Owner}, TokenID: uuid.NewSHA1(i.ID, []byte(key)).String(),
	})
	r.IdempotencyKey, r.Fingerprint = key, sha256.Sum256([]byte(i.ID.String()))
	made, err := c.CreateInvite(ctx, r)
	if errors.Is(err, invite.ErrAlreadyExists) { // and its key was forgotten meanwhile
		made, err = c.ResendInvite(ctx, byProvisioning(i.Tenant, i.ID.String(), commands.ResendInvite{TokenID: uuid.NewString()}))
	}
	if errors.Is(err, invite.ErrAccepted) {
		return uuid.Nil, expires, nil
	}
	if err != nil {
		return uuid.Nil, expires, err
	}
	token, err = uuid.Parse(made.State.TokenID)
	return token, made.State.ExpiresAt, err
}

// post sends the letters of provisioning.
type post struct {
	credentials *credentials.Store
	mailer      mail.Mailer
	publicURL   string
}

// Send implements provisioning.Post. A repeat has a token of its own, as good as
// the first, and the same message id.
func (p post) Send(ctx context.Context, l provisioning.Letter) error {
	token, err := p.credentials.Issue(ctx, credentials.Invite, l.Tenant, l.ID, l.Token, invite.Lifetime)
	if err != nil {
		return err
	}
	message, err := mail.Invitation{
		To: l.Email, Tenant: l.TenantName, Link: p.publicURL + "/auth/invite?token=" + url.QueryEscape(token), ExpiresAt: l.ExpiresAt,
	}.Message()
	if err != nil {
		return err
	}
	message.ID = uuid.NewSHA1(l.ID, []byte(l.Key+l.Token.String())).String()
	return p.mailer.Send(ctx, message)
}
