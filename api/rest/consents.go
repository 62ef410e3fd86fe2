package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/oidc"
	"tansu.cloud/domain"
)

// Consents knows which applications people let in, and lets them take it back.
type Consents interface {
	Consents(ctx context.Context, user uuid.UUID) ([]oidc.Consent, error)
	Withdraw(ctx context.Context, v oidc.Visitor, user uuid.UUID, clientID string, tenant uuid.UUID) error
}

// Consent is what a person lets an application do in a tenant.
type Consent struct {
	ClientID  string     `json:"client_id" doc:"Id of the application." example:"01926a3e-bbbb-7c4b-9a51-3f0c1b2d4e5f"`
	Client    string     `json:"client" doc:"What the application is called; empty if it is gone." example:"My shop"`
	Tenant    MyTenant   `json:"tenant" doc:"The tenant in which it may do so."`
	Scopes    []string   `json:"scopes" doc:"What it may do." example:"[\"openid\",\"api\"]"`
	Sites     []string   `json:"sites" doc:"Origins to which it sends people." example:"[\"https://shop.example.com\"]"`
	Devices   bool       `json:"devices" doc:"Whether it was let in as a program on a device." example:"false"`
	GrantedAt time.Time  `json:"granted_at" doc:"Since when." example:"2026-01-31T12:00:00Z"`
	UsedAt    *time.Time `json:"used_at,omitempty" doc:"When it last got tokens by it; absent if not known." example:"2026-01-31T12:10:00Z"`
}

// ConsentList holds the consents of a person.
type ConsentList struct {
	Items []Consent `json:"items" doc:"What applications may do, the newest first; at most 200."`
}

var errNoConsent = domain.NotFound("consent.not_found", "you have not let this application in there")

func (s *server) consentRoutes() {
	register(s, endpoint{
		route: route{anyone: true}, id: "list-consents", method: http.MethodGet, path: "/v1/consents", tag: "Account",
		summary: "List the applications that one let in", description: "What the caller lets applications do, in all tenants. Programs let none in. Who is signed in through a tenant's identity provider is refused, and so are the applications themselves.",
	}, s.listConsents)
	register(s, endpoint{
		route: route{anyone: true}, id: "withdraw-consent", method: http.MethodDelete, path: "/v1/consents/{client}/{tenant}", tag: "Account", status: http.StatusNoContent,
		summary:     "Withdraw what one lets an application do",
		description: "Ends everything that the application got by it, within a second: refresh tokens, access tokens, and sessions of programs on devices. It asks again the next time. What it has done, such as API keys that it made, stays.",
	}, s.withdrawConsent)
}

func (s *server) listConsents(ctx context.Context, _ *struct{}) (*listed[ConsentList], error) {
	p := callOf(ctx).principal
	out := &listed[ConsentList]{Body: ConsentList{Items: []Consent{}}}
	if p.UserID == uuid.Nil {
		return out, nil
	}
	if p.Confined {
		return nil, errConfined
	}
	if err := s.checkDelegated(ctx); err != nil {
		return nil, err
	}
	found, err := s.Consents.Consents(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		t, err := s.myTenant(ctx, c.Tenant)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, Consent{
			ClientID: c.ClientID, Client: c.Client, Tenant: t, Scopes: listOf(c.Scope), Sites: listOf(c.Sites), Devices: c.Devices,
			GrantedAt: c.GrantedAt, UsedAt: never(c.UsedAt),
		})
	}
	return out, nil
}

func (s *server) withdrawConsent(ctx context.Context, in *struct {
	Client string `path:"client" maxLength:"36" doc:"Id of the application." example:"01926a3e-bbbb-7c4b-9a51-3f0c1b2d4e5f"`
	Tenant string `path:"tenant" maxLength:"36" doc:"UUID of the tenant." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
}) (*struct{}, error) {
	c := callOf(ctx)
	tenant, err := uuid.Parse(in.Tenant)
	if err != nil || c.principal.UserID == uuid.Nil {
		return nil, errNoConsent
	}
	if c.principal.Confined {
		return nil, errConfined
	}
	if err := s.checkDelegated(ctx); err != nil {
		return nil, err
	}
	err = s.Consents.Withdraw(ctx, oidc.Visitor{Actor: c.actor, Address: c.address, CorrelationID: middleware.From(ctx).RequestID}, c.principal.UserID, in.Client, tenant)
	if errors.Is(err, oidc.ErrNoConsent) {
		return nil, errNoConsent
	}
	return nil, err
}
