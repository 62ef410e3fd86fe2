package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/access"
)

// ServiceAccount is a program in a tenant.
type ServiceAccount struct {
	ID             string     `json:"id" doc:"UUID, given at creation." example:"01926a3e-8888-7c4b-9a51-3f0c1b2d4e5f"`
	ClientID       string     `json:"client_id" doc:"With what it asks for tokens at /oauth/token (grant client_credentials)." example:"tsa_0000"`
	Name           string     `json:"name" doc:"Name for people." example:"Billing"`
	Roles          []string   `json:"roles" doc:"What it may do." example:"[\"developer\"]"`
	Status         string     `json:"status" enum:"enabled,disabled,deleted" doc:"Whether it gets tokens." example:"enabled"`
	DisabledReason string     `json:"disabled_reason,omitempty" doc:"Why it is disabled." example:"Under investigation"`
	PreviousUntil  *time.Time `json:"previous_secret_until,omitempty" doc:"To when the secret before counts too." example:"2026-02-01T12:00:00Z"`
	CreatedBy      string     `json:"created_by,omitempty" doc:"Who made it; absent in answers to changes." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Version        int64      `json:"version" doc:"Of its stream; the ETag." example:"1"`
	CreatedAt      time.Time  `json:"created_at" doc:"When it was created." example:"2026-01-31T12:00:00Z"`
	UpdatedAt      time.Time  `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// ServiceAccountWithSecret is one whose secret was made by the request.
type ServiceAccountWithSecret struct {
	ServiceAccount
	Secret string `json:"client_secret,omitempty" doc:"The secret. It is told once, in this answer; repeats of the request do not have it." example:"tss_0000"`
}

// ServiceAccountList holds all service accounts of a tenant.
type ServiceAccountList struct {
	Items []ServiceAccount `json:"items" doc:"The service accounts, the oldest first."`
}

// ServiceAccountBody describes a service account.
type ServiceAccountBody struct {
	Name  string   `json:"name" doc:"1 to 100 characters." example:"Billing"`
	Roles []string `json:"roles" doc:"1 to 20 roles; what they permit the caller must be permitted too." example:"[\"developer\"]"`
}

var serviceAccountTarget = target{serviceaccount.StreamType, access.Name, serviceaccount.ErrNotFound}

func (s *server) serviceAccountRoutes() {
	s.serviceAccountReads()
	s.serviceAccountSecretRoutes()
	register(s, manageServiceAccount("change-service-account", http.MethodPut, "", "Change a service account",
		"Replaces name and roles; it takes effect within a second."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ServiceAccountBody
		}) (*changed[ServiceAccount], error) {
			return sendToServiceAccount(ctx, s, s.Commands.ChangeServiceAccount, in.IDPath, in.ChangeHeaders,
				commands.ChangeServiceAccount{Name: in.Body.Name, Roles: in.Body.Roles})
		})
	register(s, manageServiceAccount("enable-service-account", http.MethodPost, "/enable", "Enable a service account",
		"It gets tokens again. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[ServiceAccount], error) {
			return sendToServiceAccount(ctx, s, s.Commands.EnableServiceAccount, in.IDPath, in.ChangeHeaders, commands.EnableServiceAccount{Reason: in.Body.text()})
		})
	register(s, manageServiceAccount("disable-service-account", http.MethodPost, "/disable", "Disable a service account",
		"It gets no tokens, and those it has hold no more, within a second."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[ServiceAccount], error) {
			return sendToServiceAccount(ctx, s, s.Commands.DisableServiceAccount, in.IDPath, in.ChangeHeaders, commands.DisableServiceAccount{Reason: in.Body.Reason})
		})
	e := manageServiceAccount("delete-service-account", http.MethodDelete, "", "Delete a service account", "Ends it for ever, with its secrets and tokens.")
	e.status = http.StatusNoContent
	register(s, e, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*deletedOutput, error) {
		return deleted(sendTo(ctx, s, serviceAccountTarget, in.IDPath, s.Commands.DeleteServiceAccount, in.ChangeHeaders, commands.DeleteServiceAccount{}))
	})
}

func manageServiceAccount(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: "service_accounts.manage", tenant: true},
		id:    id, method: method, path: "/v1/service-accounts/{id}" + action, tag: "Service accounts", summary: summary, description: description,
	}
}

func sendToServiceAccount[C any](ctx context.Context, s *server, handler commands.Handler[C, serviceaccount.State], path IDPath, h ChangeHeaders, command C) (*changed[ServiceAccount], error) {
	sent, err := sendTo(ctx, s, serviceAccountTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	return &changed[ServiceAccount]{sent.status, sent.Written, serviceAccountOfState(ctx, sent)}, nil
}

func (s *server) serviceAccountSecretRoutes() {
	e := manageServiceAccount("create-service-account", http.MethodPost, "", "Create a service account",
		"Makes a program of the tenant and the secret with which it gets tokens. Nobody can give it what they may not do themselves. A tenant has at most 200.")
	e.path, e.status = "/v1/service-accounts", http.StatusCreated
	register(s, e, func(ctx context.Context, in *struct {
		CommandHeaders
		Body ServiceAccountBody
	}) (*created[ServiceAccountWithSecret], error) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		sent, text, err := withSecret(ctx, s, id, func(secret string) (outcome[serviceaccount.State], secretInUse, error) {
			sent, err := sendNew(ctx, s, serviceAccountTarget, id.String(), s.Commands.CreateServiceAccount, in.CommandHeaders,
				commands.CreateServiceAccount{Name: in.Body.Name, Roles: in.Body.Roles, SecretID: secret})
			return sent, secretInUse{id: sent.state.SecretID}, err
		})
		if err != nil {
			return nil, err
		}
		body := ServiceAccountWithSecret{serviceAccountOfState(ctx, sent), text}
		body.CreatedBy = callOf(ctx).actor
		return &created[ServiceAccountWithSecret]{sent.status, sent.Written, "/v1/service-accounts/" + body.ID, body}, nil
	})
	register(s, manageServiceAccount("rotate-service-account-secret", http.MethodPost, "/rotate-secret", "Rotate the secret of a service account",
		"Makes a new secret. The one before counts too for a while, so that the program can change over. "+
			"With an overlap of 0 seconds it ends at once, and so does every access token from before. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *RotateClientSecretBody
		}) (*changed[ServiceAccountWithSecret], error) {
			id, err := in.uuid(serviceaccount.ErrNotFound)
			if err != nil {
				return nil, err
			}
			sent, text, err := withSecret(ctx, s, id, func(secret string) (outcome[serviceaccount.State], secretInUse, error) {
				sent, err := sendTo(ctx, s, serviceAccountTarget, in.IDPath, s.Commands.RotateServiceAccountSecret, in.ChangeHeaders,
					commands.RotateServiceAccountSecret{SecretID: secret, Overlap: in.Body.overlap()})
				return sent, secretInUse{sent.state.SecretID, sent.state.PreviousSecretID, sent.state.PreviousUntil}, err
			})
			if err != nil {
				return nil, err
			}
			return &changed[ServiceAccountWithSecret]{sent.status, sent.Written, ServiceAccountWithSecret{serviceAccountOfState(ctx, sent), text}}, nil
		})
}

func (s *server) serviceAccountReads() {
	read := route{permission: "service_accounts.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-service-accounts", method: http.MethodGet, path: "/v1/service-accounts", tag: "Service accounts",
		summary: "List service accounts", description: "All service accounts of the tenant, without their secrets.",
		cached: ofAccess,
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		MakerQuery
	}) (*listed[ServiceAccountList], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, access.Name, tenant); err != nil {
			return nil, err
		}
		found, err := s.Directory.ServiceAccounts(ctx, tenant, in.CreatedBy)
		if err != nil {
			return nil, err
		}
		out := &listed[ServiceAccountList]{PageHeaders{Position: in.MinPosition}, ServiceAccountList{Items: make([]ServiceAccount, len(found))}}
		for i, a := range found {
			out.Body.Items[i] = serviceAccountJSON(tenant, a)
			passing(ctx, out.Body.Items[i].PreviousUntil != nil)
		}
		return out, nil
	})
	register(s, endpoint{
		route: read, id: "get-service-account", method: http.MethodGet, path: "/v1/service-accounts/{id}", tag: "Service accounts",
		summary: "Read a service account", description: "One service account, without its secret.",
		cached: ofAccess,
		also:   map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
	}, func(ctx context.Context, in *oneInput) (*found[ServiceAccount], error) {
		tenant := callOf(ctx).tenant
		id, err := s.asked(ctx, in, serviceAccountTarget)
		if err != nil {
			return nil, err
		}
		a, err := s.Directory.ServiceAccount(ctx, tenant, id)
		if err != nil {
			return nil, missingAs(err, serviceaccount.ErrNotFound)
		}
		body := serviceAccountJSON(tenant, a)
		passing(ctx, body.PreviousUntil != nil)
		return oneOf(in.ConditionalHeaders, a.Version, body)
	})
}

func serviceAccountOfState(ctx context.Context, sent outcome[serviceaccount.State]) ServiceAccount {
	a := sent.state
	return serviceAccountJSON(callOf(ctx).tenant, access.ServiceAccount{
		ID: uuid.MustParse(a.ID), Name: a.Name, Roles: a.Roles, Status: string(a.Status), DisabledReason: a.DisabledReason,
		PreviousSecretID: a.PreviousSecretID, PreviousUntil: a.PreviousUntil, Version: sent.version, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	})
}

func serviceAccountJSON(tenant uuid.UUID, a access.ServiceAccount) ServiceAccount {
	shown := ServiceAccount{
		ID: a.ID.String(), ClientID: credentials.ServiceAccountClientID(tenant, a.ID), Name: a.Name, Roles: listOf(a.Roles), Status: a.Status,
		DisabledReason: a.DisabledReason, CreatedBy: a.CreatedBy, Version: a.Version, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
	if a.PreviousSecretID != "" && time.Now().Before(a.PreviousUntil) {
		shown.PreviousUntil = never(a.PreviousUntil)
	}
	return shown
}
