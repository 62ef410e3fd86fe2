package oidc

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// Waiter returns when the read model of a projection shows a tenant's log up to
// a position.
type Waiter interface {
	Wait(ctx context.Context, projection string, tenant uuid.UUID, position int64) error
}

// actTime bounds the wait for the read model, which the next page needs.
const actTime = 10 * time.Second

// commandActs does with commands what the pages ask for. The pages have made
// sure that it is the user who asks.
type commandActs struct {
	commands *commands.Commands
	waiter   Waiter
}

// NewActs returns the acts that send commands.
func NewActs(c *commands.Commands, w Waiter) Acts { return &commandActs{c, w} }

// send runs a command in a tenant's log and waits for a read model.
func send[C, S any](ctx context.Context, a *commandActs, v Visitor, handler commands.Handler[C, S], projection string, tenant uuid.UUID, stream string, command C) error {
	result, err := handler(ctx, commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: command, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{
			Actor: v.Actor, Address: v.Address, CorrelationID: v.CorrelationID,
			Permissions: func(name string) bool { return name == permission.Self },
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	return a.waiter.Wait(ctx, projection, tenant, result.Position)
}

func (a *commandActs) Register(ctx context.Context, v Visitor, r Registration) error {
	return send(ctx, a, v, a.commands.RegisterUser, users.Name, eventstore.SystemTenant, r.User.String(), commands.RegisterUser{
		Email: r.Email, Name: r.Name, Verified: r.Verified, PasswordID: optionalID(r.PasswordID), Identity: r.Identity,
	})
}

func (a *commandActs) VerifyEmail(ctx context.Context, v Visitor, user uuid.UUID) error {
	return send(ctx, a, v, a.commands.VerifyEmail, users.Name, eventstore.SystemTenant, user.String(), commands.VerifyEmail{})
}

func (a *commandActs) SetPassword(ctx context.Context, v Visitor, user, password uuid.UUID) error {
	return send(ctx, a, v, a.commands.SetPassword, users.Name, eventstore.SystemTenant, user.String(), commands.SetPassword{PasswordID: password.String()})
}

func (a *commandActs) StartSession(ctx context.Context, v Visitor, session, user uuid.UUID, method string, c Confinement) error {
	return send(ctx, a, v, a.commands.StartSession, users.Name, eventstore.SystemTenant, session.String(), commands.StartSession{
		UserID: user.String(), Method: method, ConfinedTo: optionalID(c.Tenant), ProviderID: optionalID(c.Provider), Address: v.Address, UserAgent: v.UserAgent,
	})
}

func (a *commandActs) EndSession(ctx context.Context, v Visitor, session uuid.UUID, reason string) error {
	return send(ctx, a, v, a.commands.EndSession, users.Name, eventstore.SystemTenant, session.String(), commands.EndSession{Reason: reason})
}

func (a *commandActs) AcceptInvite(ctx context.Context, v Visitor, tenant, invite, user uuid.UUID) error {
	return send(ctx, a, v, a.commands.AcceptInvite, access.Name, tenant, invite.String(), commands.AcceptInvite{UserID: user.String()})
}

func (a *commandActs) EnableTOTP(ctx context.Context, v Visitor, user, totp, recoverySet uuid.UUID) error {
	return send(ctx, a, v, a.commands.EnableTOTP, users.Name, eventstore.SystemTenant, user.String(), commands.EnableTOTP{
		TOTPID: totp.String(), SetID: recoverySet.String(),
	})
}

func (a *commandActs) DisableTOTP(ctx context.Context, v Visitor, user uuid.UUID) error {
	return send(ctx, a, v, a.commands.DisableTOTP, users.Name, eventstore.SystemTenant, user.String(), commands.DisableTOTP{})
}

func (a *commandActs) MakeRecoveryCodes(ctx context.Context, v Visitor, user, set uuid.UUID) error {
	return send(ctx, a, v, a.commands.MakeRecoveryCodes, users.Name, eventstore.SystemTenant, user.String(), commands.MakeRecoveryCodes{SetID: set.String()})
}

func (a *commandActs) AddPasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID, name string) error {
	return send(ctx, a, v, a.commands.AddPasskey, users.Name, eventstore.SystemTenant, user.String(), commands.AddPasskey{PasskeyID: passkey.String(), Name: name})
}

func (a *commandActs) RenamePasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID, name string) error {
	return send(ctx, a, v, a.commands.RenamePasskey, users.Name, eventstore.SystemTenant, user.String(), commands.RenamePasskey{PasskeyID: passkey.String(), Name: name})
}

func (a *commandActs) RemovePasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID) error {
	return send(ctx, a, v, a.commands.RemovePasskey, users.Name, eventstore.SystemTenant, user.String(), commands.RemovePasskey{PasskeyID: passkey.String()})
}

func (a *commandActs) LinkIdentity(ctx context.Context, v Visitor, id uuid.UUID, i user.Identity) error {
	return send(ctx, a, v, a.commands.LinkIdentity, users.Name, eventstore.SystemTenant, id.String(), commands.LinkIdentity{Identity: i})
}

func (a *commandActs) UnlinkIdentity(ctx context.Context, v Visitor, id uuid.UUID, index string) error {
	return send(ctx, a, v, a.commands.UnlinkIdentity, users.Name, eventstore.SystemTenant, id.String(), commands.UnlinkIdentity{Index: index})
}

func (a *commandActs) MapRoles(ctx context.Context, v Visitor, id uuid.UUID, c Confinement, groups []string) error {
	return send(ctx, a, v, a.commands.MapMemberRoles, access.Name, c.Tenant, id.String(), commands.MapMemberRoles{
		ProviderID: c.Provider.String(), Groups: groups,
	})
}

// optionalID is how commands write an id that may be missing.
func optionalID(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
