package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/access"
)

// APIKey is a key of a tenant, without what is secret about it.
type APIKey struct {
	ID          string     `json:"id" doc:"UUID, given at creation." example:"01926a3e-7777-7c4b-9a51-3f0c1b2d4e5f"`
	Name        string     `json:"name" doc:"Name for people." example:"Nightly export"`
	Permissions []string   `json:"permissions" doc:"What it permits." example:"[\"events.read\"]"`
	Hint        string     `json:"hint" doc:"The last characters of the key." example:"x7Qa"`
	Status      string     `json:"status" enum:"active,revoked,expired" doc:"Whether it holds." example:"active"`
	Reason      string     `json:"reason,omitempty" doc:"Why it was revoked." example:"Left the company"`
	CreatedBy   string     `json:"created_by" doc:"Who made it." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"To when it holds; absent: for ever." example:"2027-01-31T12:00:00Z"`
	LastUsedAt  *time.Time `json:"last_used_at,omitempty" doc:"When it was last used, to the minute; absent: never." example:"2026-01-31T12:00:00Z"`
	Version     int64      `json:"version" doc:"Of its stream; the ETag." example:"1"`
	CreatedAt   time.Time  `json:"created_at" doc:"When it was created." example:"2026-01-31T12:00:00Z"`
	UpdatedAt   time.Time  `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// APIKeyWithText is a key that was made by the request.
type APIKeyWithText struct {
	APIKey
	Key string `json:"key,omitempty" doc:"The key itself. It is told once, in this answer; repeats of the request do not have it." example:"tsk_0000_0000_0000"`
}

// APIKeyList is a page of keys.
type APIKeyList struct {
	Items      []APIKey `json:"items" doc:"The keys, the newest first."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

// CreateAPIKeyBody describes a new key.
type CreateAPIKeyBody struct {
	Name        string     `json:"name" doc:"1 to 100 characters." example:"Nightly export"`
	Permissions []string   `json:"permissions" doc:"What it permits; GET /v1/permissions lists all there are." example:"[\"events.read\"]"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"To when it holds; for ever, if not given." example:"2027-01-31T12:00:00Z"`
}

// NameBody holds a new name.
type NameBody struct {
	Name string `json:"name" doc:"1 to 100 characters." example:"Nightly export"`
}

var apiKeyTarget = target{apikey.StreamType, access.Name, apikey.ErrNotFound}

func (s *server) apiKeyRoutes() {
	s.apiKeyReads()
	manage := route{permission: "api_keys.manage", tenant: true}
	register(s, endpoint{
		route: manage, id: "create-api-key", method: http.MethodPost, path: "/v1/api-keys", tag: "API keys", status: http.StatusCreated,
		summary: "Create an API key",
		description: "Makes a key for programs. It is good for this tenant only, and can permit what the caller may do and nothing else. " +
			"A tenant has at most 200.",
	}, s.createAPIKey)
	change := func(id, method, action, summary, description string) endpoint {
		return endpoint{route: manage, id: id, method: method, path: "/v1/api-keys/{id}" + action, tag: "API keys", summary: summary, description: description}
	}
	register(s, change("rename-api-key", http.MethodPut, "/name", "Rename an API key", "Gives the key another name for people."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body NameBody
		}) (*changed[APIKey], error) {
			return sendToAPIKey(ctx, s, s.Commands.RenameAPIKey, in.IDPath, in.ChangeHeaders, commands.RenameAPIKey{Name: in.Body.Name})
		})
	register(s, change("revoke-api-key", http.MethodPost, "/revoke", "Revoke an API key", "The key holds no more, within a second and for ever. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[APIKey], error) {
			return sendToAPIKey(ctx, s, s.Commands.RevokeAPIKey, in.IDPath, in.ChangeHeaders, commands.RevokeAPIKey{Reason: in.Body.text()})
		})
}

// createAPIKey stores the hash first; it goes again by itself unless the command
// takes effect.
func (s *server) createAPIKey(ctx context.Context, in *struct {
	CommandHeaders
	Body CreateAPIKeyBody
}) (*created[APIKeyWithText], error) {
	tenant := callOf(ctx).tenant
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	text, hash, hint := credentials.NewAPIKey(tenant, id)
	if err := s.Credentials.StoreAPIKey(ctx, tenant, id, hash); err != nil {
		return nil, err
	}
	command := commands.CreateAPIKey{Name: in.Body.Name, Permissions: in.Body.Permissions, Hint: hint}
	if in.Body.ExpiresAt != nil {
		command.ExpiresAt = *in.Body.ExpiresAt
	}
	sent, err := sendNew(ctx, s, apiKeyTarget, id.String(), s.Commands.CreateAPIKey, in.CommandHeaders, command)
	if used := err == nil && sent.state.ID == id.String(); !used {
		if err == nil || definite(err) {
			s.tidy(ctx, "the hash of an unused API key is kept for some days", s.Credentials.DeleteAPIKey(ctx, tenant, id))
		}
		if err != nil {
			return nil, err
		}
		text = ""
	}
	body := APIKeyWithText{apiKeyOfState(sent), text}
	return &created[APIKeyWithText]{sent.status, sent.Written, "/v1/api-keys/" + body.ID, body}, nil
}

func sendToAPIKey[C any](ctx context.Context, s *server, handler commands.Handler[C, apikey.State], path IDPath, h ChangeHeaders, command C) (*changed[APIKey], error) {
	sent, err := sendTo(ctx, s, apiKeyTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	return &changed[APIKey]{sent.status, sent.Written, apiKeyOfState(sent)}, nil
}

func (s *server) apiKeyReads() {
	read := route{permission: "api_keys.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-api-keys", method: http.MethodGet, path: "/v1/api-keys", tag: "API keys",
		summary: "List API keys", description: "A page of the tenant's API keys, without the keys themselves.",
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		PageQuery
		Status string `query:"status" enum:"active,revoked" doc:"Only keys with this status; expired ones are active." example:"active"`
		MakerQuery
	}) (*listed[APIKeyList], error) {
		c := callOf(ctx)
		query := []string{c.pattern, c.tenant.String(), in.Status, in.CreatedBy}
		page, err := s.directoryPage(ctx, in.ReadHeaders, in.PageQuery, in.Status, query)
		if err != nil {
			return nil, err
		}
		page.CreatedBy = in.CreatedBy
		found, more, err := s.Directory.APIKeys(ctx, c.tenant, page)
		if err != nil {
			return nil, err
		}
		used, err := s.lastUsed(ctx, found...)
		if err != nil {
			return nil, err
		}
		out := &listed[APIKeyList]{PageHeaders{Position: in.MinPosition}, APIKeyList{Items: make([]APIKey, len(found))}}
		for i, k := range found {
			out.Body.Items[i] = apiKeyJSON(k, used[k.ID])
		}
		out.Body.NextCursor, out.Link = following(s, c, found, more, query)
		return out, nil
	})
	register(s, endpoint{
		route: read, id: "get-api-key", method: http.MethodGet, path: "/v1/api-keys/{id}", tag: "API keys",
		summary: "Read an API key", description: "One API key, without the key itself.",
		also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
	}, func(ctx context.Context, in *oneInput) (*found[APIKey], error) {
		id, err := s.asked(ctx, in, apiKeyTarget)
		if err != nil {
			return nil, err
		}
		k, err := s.Directory.APIKey(ctx, callOf(ctx).tenant, id)
		if err != nil {
			return nil, missingAs(err, apikey.ErrNotFound)
		}
		used, err := s.lastUsed(ctx, k)
		if err != nil {
			return nil, err
		}
		return oneOf(in.ConditionalHeaders, k.Version, apiKeyJSON(k, used[k.ID]))
	})
}

func (s *server) lastUsed(ctx context.Context, keys ...access.APIKey) (map[uuid.UUID]time.Time, error) {
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	return s.Credentials.LastUsed(ctx, callOf(ctx).tenant, ids)
}

func apiKeyOfState(sent outcome[apikey.State]) APIKey {
	k := sent.state
	return apiKeyJSON(access.APIKey{
		ID: uuid.MustParse(k.ID), Name: k.Name, Permissions: k.Permissions, Hint: k.Hint, CreatedBy: k.CreatedBy, Status: string(k.Status),
		Reason: k.RevokedReason, ExpiresAt: k.ExpiresAt, Version: sent.version, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
	}, time.Time{})
}

func apiKeyJSON(k access.APIKey, used time.Time) APIKey {
	shown := APIKey{
		ID: k.ID.String(), Name: k.Name, Permissions: listOf(k.Permissions), Hint: k.Hint, Status: k.Status, Reason: k.Reason,
		CreatedBy: k.CreatedBy, ExpiresAt: never(k.ExpiresAt), LastUsedAt: never(used), Version: k.Version,
		CreatedAt: k.CreatedAt.UTC(), UpdatedAt: k.UpdatedAt.UTC(),
	}
	if k.Status == string(apikey.StatusActive) && !k.ExpiresAt.IsZero() && !time.Now().Before(k.ExpiresAt) {
		shown.Status = "expired"
	}
	return shown
}
