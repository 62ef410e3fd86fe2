package oidc

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/grants"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/users"
)

// Where an application sends people is kept with what they agreed to.
const (
	sitePrefix = "to:"
	siteDevice = sitePrefix + "device"
)

// ErrNoConsent: the person has not let the application in there.
var ErrNoConsent = errors.New("there is no such consent")

// Consent is what somebody lets an application do in a tenant.
type Consent struct {
	ClientID  string
	Client    string // what the application is called; empty if it is gone
	Tenant    uuid.UUID
	Scope     []string
	Sites     []string // origins to which it sends people
	Devices   bool     // it is a program on their devices too
	GrantedAt time.Time
	UsedAt    time.Time // zero: not known
}

// Consents lists what somebody lets applications do, the newest first.
func (p *Provider) Consents(ctx context.Context, user uuid.UUID) ([]Consent, error) {
	stored, err := p.Grants.Consents(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]Consent, len(stored))
	for i, s := range stored {
		c := Consent{ClientID: s.ClientID, Tenant: s.MemberOf, Scope: []string{}, Sites: []string{}, GrantedAt: s.GrantedAt, UsedAt: s.UsedAt}
		for _, one := range s.Scope {
			site, is := strings.CutPrefix(one, sitePrefix)
			switch {
			case one == siteDevice:
				c.Devices = true
			case is:
				c.Sites = append(c.Sites, site)
			default:
				c.Scope = append(c.Scope, one)
			}
		}
		if c.Client, err = p.clientName(ctx, s.ClientID); err != nil {
			return nil, err
		}
		list[i] = c
	}
	return list, nil
}

// clientName is what a client is called, also one that is disabled.
func (p *Provider) clientName(ctx context.Context, id string) (string, error) {
	if id == ClientCLI || id == ClientDashboard {
		c, err := p.client(ctx, id)
		if err != nil {
			return "", err
		}
		return c.name, nil
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", nil
	}
	stored, err := p.Clients.Get(ctx, parsed)
	if errors.Is(err, clients.ErrNotFound) {
		return "", nil
	}
	return stored.Name, err
}

// Withdraw takes back what somebody lets an application do in a tenant: nothing
// that it got holds any more. Sessions that were begun for it alone end too.
func (p *Provider) Withdraw(ctx context.Context, v Visitor, user uuid.UUID, clientID string, tenant uuid.UUID) error {
	if parsed, err := uuid.Parse(clientID); clientID != ClientCLI && clientID != ClientDashboard && (err != nil || parsed.String() != clientID) {
		return ErrNoConsent
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	sessions, err := p.Grants.Withdraw(ctx, user, clientID, tenant)
	if errors.Is(err, grants.ErrUnknown) {
		return ErrNoConsent
	}
	if err != nil {
		return err
	}
	p.refreshRevocations(ctx)
	var failed error
	for _, id := range sessions {
		failed = errors.Join(failed, p.endOwn(ctx, v, id))
	}
	return failed
}

// endOwn ends a session if it is that of a program, which has no other use.
func (p *Provider) endOwn(ctx context.Context, v Visitor, id uuid.UUID) error {
	s, err := p.Users.Session(ctx, id)
	if errors.Is(err, users.ErrNotFound) {
		return nil
	}
	if err != nil || !s.Live() || !strings.HasPrefix(s.Method, methodProgram) && !strings.HasPrefix(s.Method, methodDevice) {
		return err
	}
	return p.Acts.EndSession(ctx, v, id, "consent was withdrawn")
}

type applicationRow struct {
	ClientID, TenantID, Name, Tenant, Since, Used, Sites string
	Scopes                                               []string
}

// applicationsOf lists for the page what a visitor lets applications do.
func (p *Provider) applicationsOf(r *http.Request, v *visit) ([]applicationRow, error) {
	list, err := p.Consents(r.Context(), v.user.ID)
	if err != nil {
		return nil, err
	}
	rows := make([]applicationRow, len(list))
	for i, c := range list {
		sites := c.Sites
		if c.Devices {
			sites = append(sites, "programs on your devices")
		}
		rows[i] = applicationRow{
			ClientID: c.ClientID, TenantID: c.Tenant.String(), Name: c.Client, Since: shown(c.GrantedAt),
			Sites: strings.Join(sites, " and to "), Scopes: texts(c.Scope),
		}
		if c.Client == "" {
			rows[i].Name = "an application that is gone"
		}
		if !c.UsedAt.IsZero() {
			rows[i].Used = shown(c.UsedAt)
		}
		if rows[i].Tenant, err = p.tenantName(r, c.Tenant); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// withdrawConsent takes back what a visitor lets an application do.
func (p *Provider) withdrawConsent(w http.ResponseWriter, r *http.Request) {
	v, ok := p.here(w, r)
	if !ok {
		return
	}
	tenant, err := uuid.Parse(r.PostFormValue("tenant"))
	if err == nil {
		err = p.Withdraw(r.Context(), p.visitorOf(r, v.user.ID), v.user.ID, r.PostFormValue("client"), tenant)
	} else {
		err = ErrNoConsent
	}
	if errors.Is(err, ErrNoConsent) {
		err = nil // nothing of the visitor's to take back
	}
	p.toSecurityPage(w, r, err)
}
