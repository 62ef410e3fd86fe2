package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// refreshPatience bounds a refresh. It goes on when the command is interrupted:
// the server has replaced the refresh token by then, and the new one must be kept.
const refreshPatience = 10 * time.Second

// profileTokens gives the access token of a profile, a fresh one when it ends.
// Of processes that need one at once, one asks the server.
type profileTokens struct {
	store  *profileStore
	name   string
	tenant string // the sign-in's own if empty
	http   *http.Client
	note   func(format string, args ...any)

	mu   sync.Mutex
	last grant
}

func (t *profileTokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	book, err := t.store.load()
	if err != nil {
		return "", err
	}
	p, err := book.named(t.name)
	if err != nil {
		return "", err
	}
	tenant, known := p.tenant(t.tenant)
	if !known {
		if tenant, err = t.find(ctx, p); err != nil {
			return "", err
		}
	}
	return t.access(ctx, p, tenant)
}

// find asks the server for a tenant that the profile does not know yet.
func (t *profileTokens) find(ctx context.Context, p profile) (tenant string, _ error) {
	token, err := t.access(ctx, p, p.TenantID)
	if err != nil {
		return "", err
	}
	me, err := whoIs(ctx, t.http, p.Server, token)
	if err != nil {
		return "", err
	}
	p.Tenants = me.tenants()
	tenant, known := p.tenant(t.tenant)
	if !known {
		return "", errNoTenant(p.User, t.tenant)
	}
	return tenant, t.store.update(ctx, func(b *profileBook) error {
		now, err := b.named(t.name)
		now.Tenants = p.Tenants
		b.Profiles[t.name] = now
		return err
	})
}

// access gives an access token of a tenant.
func (t *profileTokens) access(ctx context.Context, p profile, tenant string) (string, error) {
	if t.last.good(tenant) {
		return t.last.Access, nil
	}
	var err error
	if t.last, err = t.read(p); err != nil || t.last.good(tenant) {
		return t.last.Access, err
	}
	unlock, err := t.store.lockTokens(ctx, t.name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if t.last, err = t.read(p); err != nil || t.last.good(tenant) { // another process was first
		return t.last.Access, err
	}
	t.last, err = t.refresh(ctx, p, t.last, tenant)
	return t.last.Access, err
}

func (t *profileTokens) read(p profile) (grant, error) {
	g, err := t.store.vault.get(t.name, p.Tokens)
	if errors.Is(err, errNoTokens) || err == nil && !sameServer(g.Server, p.Server) {
		return grant{}, &signInError{fmt.Sprintf("profile %s is signed out", t.name), loginCommand(t.name, p.Server)}
	}
	return g, err
}

// refresh gets new tokens and keeps them.
func (t *profileTokens) refresh(ctx context.Context, p profile, old grant, tenant string) (grant, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshPatience)
	defer cancel()
	server, err := discover(ctx, t.http, p.Server)
	if err != nil {
		return grant{}, err
	}
	token, err := server.refresh(ctx, old.Refresh, tenant)
	var refused *oauth2.RetrieveError
	if err != nil && !errors.As(err, &refused) && ctx.Err() == nil {
		// If only the answer was lost, the server repeats it for some seconds; later
		// it would take the old refresh token for a stolen one.
		token, err = server.refresh(ctx, old.Refresh, tenant)
	}
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		msg := fmt.Sprintf("the sign-in of profile %s has ended", t.name)
		if refused.ErrorDescription != "" {
			msg += " (" + refused.ErrorDescription + ")"
		}
		return grant{}, &signInError{msg, loginCommand(t.name, p.Server)}
	}
	if err != nil {
		return grant{}, server.explain(err)
	}
	g := newGrant(p.Server, tenant, token)
	return g, t.keep(ctx, p, g)
}

// keep stores a grant. The server has forgotten the one before, so a keyring that
// refuses now must not be the end of the sign-in.
func (t *profileTokens) keep(ctx context.Context, p profile, g grant) error {
	at, why, err := t.store.vault.put(t.name, p.Tokens, g)
	if err != nil {
		return err
	}
	if why != nil {
		t.note("%s", fileWarning(t.store.vault.file(t.name), why))
	}
	if at == p.Tokens {
		return nil
	}
	return t.store.update(ctx, func(b *profileBook) error {
		now, err := b.named(t.name)
		now.Tokens = at
		b.Profiles[t.name] = now
		return err
	})
}

func newGrant(server, tenant string, t *oauth2.Token) grant {
	return grant{Server: server, Tenant: tenant, Access: t.AccessToken, Expires: t.Expiry.UTC(), Refresh: t.RefreshToken}
}

func errNoTenant(user, tenant string) error {
	return &signInError{fmt.Sprintf("%s is not a member of tenant %s", cmp.Or(user, "the signed-in user"), tenant), "tansu whoami"}
}

func loginCommand(name, server string) string {
	return fmt.Sprintf("tansu login --profile %s --url %s", name, server)
}

func fileWarning(file string, why error) string {
	return fmt.Sprintf("Warning: the keyring of this machine cannot be used (%v);\nthe tokens are in %s, which only you may read.", why, file)
}
