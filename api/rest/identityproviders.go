package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/projections/readmodels/access"
)

// IdentityProvider is where people of a tenant sign in with accounts that they
// have elsewhere.
type IdentityProvider struct {
	ID             string           `json:"id" doc:"UUID, given when it is added." example:"01926a3e-9999-7c4b-9a51-3f0c1b2d4e5f"`
	Name           string           `json:"name" doc:"Name for people, on the sign-in page too." example:"Acme login"`
	Issuer         string           `json:"issuer" doc:"What the provider calls itself; it cannot be changed." example:"https://login.example.com/realms/staff"`
	ClientID       string           `json:"client_id" doc:"What the provider calls this installation." example:"tansu"`
	RedirectURI    string           `json:"redirect_uri" doc:"To be registered at the provider." example:"https://tansu.example.com/auth/callback/01926a3e-9999-7c4b-9a51-3f0c1b2d4e5f"`
	Scopes         []string         `json:"scopes" doc:"What it is asked for." example:"[\"openid\",\"email\",\"profile\"]"`
	GroupsClaim    string           `json:"groups_claim" doc:"The claim that names somebody's groups." example:"groups"`
	Mapping        []GroupMapping   `json:"mapping" doc:"Which roles groups give."`
	DefaultRoles   []string         `json:"default_roles" doc:"Roles of people in none of these groups; none: they are not let in." example:"[\"viewer\"]"`
	JustInTime     bool             `json:"just_in_time" doc:"Whether people are let in whom nobody here knows yet." example:"true"`
	APIAudience    string           `json:"api_audience,omitempty" doc:"For whom its access tokens must be that this API accepts; absent: it accepts none." example:"https://tansu.example.com"`
	Status         string           `json:"status" enum:"enabled,disabled,removed" doc:"Whether people can sign in with it." example:"enabled"`
	DisabledReason string           `json:"disabled_reason,omitempty" doc:"Why it is disabled." example:"Under investigation"`
	Domains        []IdentityDomain `json:"domains" doc:"E-mail domains whose people are led to it."`
	Version        int64            `json:"version" doc:"Of its stream; the ETag." example:"1"`
	CreatedAt      time.Time        `json:"created_at" doc:"When it was added." example:"2026-01-31T12:00:00Z"`
	UpdatedAt      time.Time        `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// GroupMapping gives roles to a group.
type GroupMapping struct {
	Group string   `json:"group" doc:"As the provider names it; 1 to 255 characters." example:"engineering"`
	Roles []string `json:"roles" doc:"1 to 20 roles, not owner; what they permit the caller must be permitted too." example:"[\"developer\"]"`
}

// IdentityDomain is an e-mail domain of a provider.
type IdentityDomain struct {
	Domain   string `json:"domain" doc:"The domain." example:"example.com"`
	Verified bool   `json:"verified" doc:"Whether it was shown to be the tenant's; until then it leads nowhere." example:"false"`
	Record   string `json:"record_name" doc:"Name of the TXT record that shows it." example:"_tansu-challenge.example.com"`
	Value    string `json:"record_value" doc:"What the record must hold." example:"tansu-verify=0192"`
}

// IdentityProviderList holds all identity providers of a tenant.
type IdentityProviderList struct {
	Items []IdentityProvider `json:"items" doc:"The identity providers, the oldest first."`
}

// IdentityProviderProfile is what can be changed about an identity provider.
type IdentityProviderProfile struct {
	Name         string         `json:"name" doc:"1 to 100 characters." example:"Acme login"`
	ClientID     string         `json:"client_id" doc:"What the provider calls this installation; 1 to 255 characters." example:"tansu"`
	Scopes       []string       `json:"scopes,omitempty" doc:"What to ask for, openid among it; openid, email and profile if left out." example:"[\"openid\",\"email\",\"profile\"]"`
	GroupsClaim  string         `json:"groups_claim,omitempty" doc:"The claim that names somebody's groups; groups if left out." example:"groups"`
	Mapping      []GroupMapping `json:"mapping,omitempty" doc:"Which roles groups give; at most 100 groups."`
	DefaultRoles []string       `json:"default_roles,omitempty" doc:"Roles of people in none of these groups; none: they are not let in." example:"[\"viewer\"]"`
	JustInTime   bool           `json:"just_in_time,omitempty" doc:"Whether people are let in whom nobody here knows yet. Without it they need an account first, and link it." example:"true"`
	APIAudience  string         `json:"api_audience,omitempty" doc:"For whom access tokens of the provider must be (aud) that this API shall accept, at most 255 characters and not the client id; left out: it accepts none." example:"https://tansu.example.com"`
}

// AddIdentityProviderBody describes a new identity provider.
type AddIdentityProviderBody struct {
	IdentityProviderProfile
	Issuer string `json:"issuer" doc:"What the provider calls itself: an https address without query." example:"https://login.example.com/realms/staff"`
	Secret string `json:"client_secret" minLength:"1" maxLength:"1000" doc:"The client secret that the provider gave. It is never shown again." example:"s3cr3t"`
}

// ProviderSecretBody holds another client secret.
type ProviderSecretBody struct {
	Secret string `json:"client_secret" minLength:"1" maxLength:"1000" doc:"The client secret that the provider gave. It is never shown again." example:"s3cr3t"`
}

var providerTarget = target{provider.StreamType, access.Name, provider.ErrNotFound}

func (s *server) identityProviderRoutes() {
	s.identityProviderReads()
	s.identityProviderSecretRoutes()
	s.identityDomainRoutes()
	s.identityProviderTestRoute()
	register(s, manageProvider("change-identity-provider", http.MethodPut, "", "Change an identity provider",
		"Replaces everything but issuer, secret and domains. Roles of people change when they sign in next."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body IdentityProviderProfile
		}) (*changed[IdentityProvider], error) {
			return sendToProvider(ctx, s, s.Commands.ChangeIdentityProvider, in.IDPath, in.ChangeHeaders, commands.ChangeIdentityProvider{Profile: in.Body.profile()})
		})
	register(s, manageProvider("enable-identity-provider", http.MethodPost, "/enable", "Enable an identity provider",
		"People can sign in with it again; sessions from before do not come back. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[IdentityProvider], error) {
			return sendToProvider(ctx, s, s.Commands.EnableIdentityProvider, in.IDPath, in.ChangeHeaders, commands.EnableIdentityProvider{Reason: in.Body.text()})
		})
	register(s, manageProvider("disable-identity-provider", http.MethodPost, "/disable", "Disable an identity provider",
		"Nobody can sign in with it, and the sessions that it vouched for end within a second."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[IdentityProvider], error) {
			return sendToProvider(ctx, s, s.Commands.DisableIdentityProvider, in.IDPath, in.ChangeHeaders, commands.DisableIdentityProvider{Reason: in.Body.Reason})
		})
	e := manageProvider("remove-identity-provider", http.MethodDelete, "", "Remove an identity provider",
		"Ends it for ever, with its domains, the sessions that it vouched for, and a moment later the roles that its groups gave. Accounts of people stay.")
	e.status = http.StatusNoContent
	register(s, e, s.removeIdentityProvider)
}

func manageProvider(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: commands.PermissionManageIdentityProviders, tenant: true},
		id:    id, method: method, path: "/v1/identity-providers/{id}" + action, tag: "Identity providers", summary: summary, description: description,
	}
}

func (b IdentityProviderProfile) profile() provider.Profile {
	p := provider.Profile{
		Name: b.Name, ClientID: b.ClientID, Scopes: b.Scopes, GroupsClaim: b.GroupsClaim, DefaultRoles: b.DefaultRoles, JustInTime: b.JustInTime,
		APIAudience: b.APIAudience,
	}
	for _, m := range b.Mapping {
		p.Mapping = append(p.Mapping, provider.GroupRoles{Group: m.Group, Roles: m.Roles})
	}
	return p
}

func sendToProvider[C any](ctx context.Context, s *server, handler commands.Handler[C, provider.State], path IDPath, h ChangeHeaders, command C) (*changed[IdentityProvider], error) {
	sent, err := sendTo(ctx, s, providerTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	return &changed[IdentityProvider]{sent.status, sent.Written, s.providerOfState(sent)}, nil
}

// removeIdentityProvider frees the domains first: if it is interrupted then, the
// provider can be removed again.
func (s *server) removeIdentityProvider(ctx context.Context, in *struct {
	IDPath
	ChangeHeaders
}) (*deletedOutput, error) {
	id, err := in.uuid(provider.ErrNotFound)
	if err != nil {
		return nil, err
	}
	tenant := callOf(ctx).tenant
	found, err := s.Directory.IdentityProvider(ctx, tenant, id)
	if err == nil {
		_, err = notModified(in.IfMatch, "", etag(found.Version)) // before anything is freed
	}
	if missingAs(err, nil) != nil {
		return nil, err
	}
	for _, d := range found.Domains {
		if d.Verified {
			if err := s.releaseDomain(ctx, tenant, id, d.Name); err != nil {
				return nil, err
			}
		}
	}
	sent, err := sendTo(ctx, s, providerTarget, in.IDPath, s.Commands.RemoveIdentityProvider, in.ChangeHeaders, commands.RemoveIdentityProvider{})
	return deleted(sent, err)
}

func (s *server) identityProviderReads() {
	read := route{permission: "identity_providers.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-identity-providers", method: http.MethodGet, path: "/v1/identity-providers", tag: "Identity providers",
		summary: "List identity providers", description: "All identity providers of the tenant, without their secrets.",
	}, func(ctx context.Context, in *struct{ ReadHeaders }) (*listed[IdentityProviderList], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, access.Name, tenant); err != nil {
			return nil, err
		}
		found, err := s.Directory.IdentityProviders(ctx, tenant)
		if err != nil {
			return nil, err
		}
		out := &listed[IdentityProviderList]{PageHeaders{Position: in.MinPosition}, IdentityProviderList{Items: make([]IdentityProvider, len(found))}}
		for i, p := range found {
			out.Body.Items[i] = s.providerJSON(p)
		}
		return out, nil
	})
	register(s, endpoint{
		route: read, id: "get-identity-provider", method: http.MethodGet, path: "/v1/identity-providers/{id}", tag: "Identity providers",
		summary: "Read an identity provider", description: "One identity provider, without its secret.",
		also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
	}, func(ctx context.Context, in *oneInput) (*found[IdentityProvider], error) {
		id, err := s.asked(ctx, in, providerTarget)
		if err != nil {
			return nil, err
		}
		p, err := s.Directory.IdentityProvider(ctx, callOf(ctx).tenant, id)
		if err != nil {
			return nil, missingAs(err, provider.ErrNotFound)
		}
		return oneOf(in.ConditionalHeaders, p.Version, s.providerJSON(p))
	})
}

func (s *server) providerOfState(sent outcome[provider.State]) IdentityProvider {
	p := sent.state
	return s.providerJSON(access.IdentityProvider{
		ID: uuid.MustParse(p.ID), Issuer: p.Issuer, Profile: p.Profile, Domains: p.Domains, Status: string(p.Status), DisabledReason: p.DisabledReason,
		Version: sent.version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	})
}

func (s *server) providerJSON(p access.IdentityProvider) IdentityProvider {
	shown := IdentityProvider{
		ID: p.ID.String(), Name: p.Profile.Name, Issuer: p.Issuer, ClientID: p.Profile.ClientID,
		RedirectURI: strings.TrimSuffix(s.Config.PublicURL, "/") + "/auth/callback/" + p.ID.String(),
		Scopes:      listOf(p.Profile.Scopes), GroupsClaim: p.Profile.GroupsClaim, Mapping: []GroupMapping{}, DefaultRoles: listOf(p.Profile.DefaultRoles),
		JustInTime: p.Profile.JustInTime, APIAudience: p.Profile.APIAudience, Status: p.Status, DisabledReason: p.DisabledReason, Domains: []IdentityDomain{}, Version: p.Version,
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
	for _, m := range p.Profile.Mapping {
		shown.Mapping = append(shown.Mapping, GroupMapping{m.Group, listOf(m.Roles)})
	}
	for _, d := range p.Domains {
		shown.Domains = append(shown.Domains, IdentityDomain{d.Name, d.Verified, challengePrefix + d.Name, challengeValue + d.Token})
	}
	return shown
}
