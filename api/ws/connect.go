package ws

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/platform/tenantscope"
)

// connect authenticates the connection. What it refuses for good it closes.
func (c *conn) connect(ctx context.Context, f *Connect) error {
	if c.session.Load() != nil {
		return frameInvalid(FieldError{"/type", "not_allowed", "is connected already; send refresh for another token"})
	}
	session, err := c.server.authenticate(ctx, f.Token, cmp.Or(append([]string{f.Tenant}, c.named...)...))
	if err != nil {
		return c.turnAway(err, CloseUnauthorized)
	}
	p := *session.principal.Load()
	if c.tenant, err = c.tenantOf(ctx, p, f.Tenant); err != nil {
		c.server.sessions.release(session)
		return c.turnAway(err, CloseForbidden)
	}
	if err := c.server.checkOrigin(ctx, c.tenant, p.Bound, c.origin); err != nil {
		c.server.sessions.release(session)
		return c.turnAway(err, CloseForbidden)
	}
	if !p.may(c.tenant, PermissionEvents) && !p.may(c.tenant, PermissionChannels) {
		c.server.sessions.release(session)
		return c.turnAway(problem.New(problem.Forbidden, "This needs the permission "+PermissionEvents+" or "+PermissionChannels+"."), CloseForbidden)
	}
	c.payer = c.server.payerOf(session, c.tenant)
	release, ok, err := c.server.holdConnection(ctx, c.payer, c.tenant)
	if err != nil {
		c.server.sessions.release(session)
		return c.turnAway(err, CloseForbidden)
	}
	if !ok {
		c.server.sessions.release(session)
		c.refuseAndClose(CloseTooMany, &refusal{
			code: problem.TooManyConnections, detail: tooManyConnections, retryIn: milliseconds(tooManyRetry),
		})
		return nil
	}
	c.release = release
	c.session.Store(session)
	c.reply(c.connected())
	return nil
}

const tooManyConnections = "The tenant (its quota of sockets) or the principal has as many connections as it may; close some. One can hold many subscriptions."

// tooManyRetry is when to try again after a quota was reached.
const tooManyRetry = 5 * time.Second

// turnAway closes the connection if the client is at fault. If the server is,
// the client may send connect again.
func (c *conn) turnAway(err error, code int) error {
	if r := (*refusal)(nil); errors.As(err, &r) {
		return err
	}
	if problem.From(err).Status >= http.StatusInternalServerError {
		return err
	}
	c.refuseAndClose(code, refusalOf(err, ""))
	return nil
}

// tenantOf finds the tenant that the connection is for. A token that is bound to
// a tenant is good for no other, and is not told whether there are others.
func (c *conn) tenantOf(ctx context.Context, p Principal, named string) (uuid.UUID, error) {
	if !p.Bound {
		return c.findTenant(ctx, named)
	}
	own, err := c.server.Tenant(ctx, p.Tenant.String())
	if err != nil || named == "" && len(c.named) == 0 {
		return own, err
	}
	found, err := c.findTenant(ctx, named)
	if r := (*refusal)(nil); errors.As(err, &r) || err != nil && problem.From(err).Status >= http.StatusInternalServerError {
		return uuid.Nil, err
	}
	if err != nil || found != own {
		return uuid.Nil, problem.New(problem.TenantMismatch, "The token is for another tenant; get one for this tenant, or name none.")
	}
	return own, nil
}

// findTenant resolves the tenant of the frame, the header and the sub-domain,
// which must be the same where they are given.
func (c *conn) findTenant(ctx context.Context, named string) (uuid.UUID, error) {
	names := c.named
	if named != "" {
		names = append([]string{named}, names...)
	}
	if len(names) == 0 {
		names = []string{"system"}
	}
	tenant := uuid.Nil
	for i, name := range names {
		found, err := c.server.Tenant(ctx, name)
		if err != nil {
			return uuid.Nil, err
		}
		if i > 0 && found != tenant {
			return uuid.Nil, frameInvalid(FieldError{"/tenant", "ambiguous", "must name the same tenant as X-Tenant-Id and the sub-domain"})
		}
		tenant = found
	}
	return tenant, nil
}

// within returns a context for what is read on behalf of the connection's tenant.
func (c *conn) within(ctx context.Context) context.Context { return tenantscope.Within(ctx, c.tenant) }

// refresh puts another token in the place of the one that the connection rests on.
func (c *conn) refresh(ctx context.Context, f *Refresh) error {
	session, err := c.server.authenticate(ctx, f.Token, c.tenant.String())
	if err != nil {
		return err
	}
	before := c.session.Load()
	if session.principal.Load().Actor != before.principal.Load().Actor {
		c.server.sessions.release(session)
		return &refusal{code: problem.PrincipalMismatch, detail: "The token belongs to another principal; connect anew with it."}
	}
	c.session.Store(session)
	c.server.sessions.release(before)
	c.reply(c.connected())
	return nil
}

func (c *conn) connected() Connected {
	p := c.session.Load().principal.Load()
	answer := Connected{Type: "connected", Connection: c.id, Tenant: c.tenant.String(), Actor: p.Actor}
	if !p.ExpiresAt.IsZero() {
		answer.ExpiresAt = timestamp(p.ExpiresAt)
	}
	return answer
}
