package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/projections/readmodels/clients"
)

// Client is an application that may ask people to sign in here.
type Client struct {
	ID                string `json:"id" doc:"UUID, given at registration; its client_id." example:"01926a3e-9999-7c4b-9a51-3f0c1b2d4e5f"`
	Type              string `json:"type" enum:"public,confidential" doc:"Whether it can keep a secret." example:"confidential"`
	TokenEndpointAuth string `json:"token_endpoint_auth" enum:"none,secret,private_key_jwt" doc:"How it proves at /oauth/token that it is itself." example:"secret"`
	ClientBody
	Status         string     `json:"status" enum:"enabled,disabled,deleted" doc:"Whether people can sign in to it." example:"enabled"`
	DisabledReason string     `json:"disabled_reason,omitempty" doc:"Why it is disabled." example:"Under investigation"`
	PreviousUntil  *time.Time `json:"previous_secret_until,omitempty" doc:"To when the secret before counts too." example:"2026-02-01T12:00:00Z"`
	Version        int64      `json:"version" doc:"Of its stream; the ETag." example:"1"`
	CreatedAt      time.Time  `json:"created_at" doc:"When it was registered." example:"2026-01-31T12:00:00Z"`
	UpdatedAt      time.Time  `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// ClientBody is what can be changed about a client.
type ClientBody struct {
	Name                   string         `json:"name" doc:"1 to 100 characters; people see it when they are asked for consent." example:"Warehouse"`
	RedirectURIs           []string       `json:"redirect_uris,omitempty" doc:"Where codes are sent: https, or http on a loopback address, or a scheme of the app's own with a dot. At most 20." example:"[\"https://warehouse.example.com/callback\"]"`
	PostLogoutRedirectURIs []string       `json:"post_logout_redirect_uris,omitempty" doc:"Where people may be led after signing out." example:"[\"https://warehouse.example.com/\"]"`
	Grants                 []string       `json:"grants" doc:"authorization_code, refresh_token and device_code, as far as it needs them." example:"[\"authorization_code\",\"refresh_token\"]"`
	JWKS                   map[string]any `json:"jwks,omitempty" doc:"Its public keys, for private_key_jwt." example:"{\"keys\":[]}"`
	Scopes                 []string       `json:"scopes,omitempty" doc:"What it may ask for." example:"[\"openid\",\"profile\"]"`
	FirstParty             bool           `json:"first_party,omitempty" doc:"Whether people are not asked for consent. Only an owner makes or changes such a client." example:"false"`
}

// RegisterClientBody describes a new client.
type RegisterClientBody struct {
	Type              string `json:"type" enum:"public,confidential" doc:"public: an app or a page, which cannot keep a secret." example:"confidential"`
	TokenEndpointAuth string `json:"token_endpoint_auth" enum:"none,secret,private_key_jwt" doc:"How it proves at /oauth/token that it is itself; none for public ones." example:"secret"`
	ClientBody
}

// ClientWithSecret is a client whose secret was made by the request.
type ClientWithSecret struct {
	Client
	Secret string `json:"client_secret,omitempty" doc:"The secret, if it proves itself by one. It is told once, in this answer; repeats of the request do not have it." example:"tss_0000"`
}

// ClientList is a page of clients.
type ClientList struct {
	Items      []Client `json:"items" doc:"The clients, the oldest first."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

var clientTarget = target{client.StreamType, clients.Name, client.ErrNotFound}

func (s *server) clientRoutes() {
	s.clientReads()
	s.clientSecretRoutes()
	register(s, manageClient("change-client", http.MethodPut, "", "Change a client", "Replaces what can be changed about the client."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ClientBody
		}) (*changed[Client], error) {
			profile, err := in.Body.profile()
			if err != nil {
				return nil, err
			}
			return sendToClient(ctx, s, s.Commands.ChangeClient, in.IDPath, in.ChangeHeaders, commands.ChangeClient{Profile: profile})
		})
	register(s, manageClient("enable-client", http.MethodPost, "/enable", "Enable a client", "People can sign in to it again. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[Client], error) {
			return sendToClient(ctx, s, s.Commands.EnableClient, in.IDPath, in.ChangeHeaders, commands.EnableClient{Reason: in.Body.text()})
		})
	register(s, manageClient("disable-client", http.MethodPost, "/disable", "Disable a client",
		"Nobody can sign in to it, and it gets no tokens. Those that it has hold no more, within a second, and people have to sign in to it again."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[Client], error) {
			return sendToClient(ctx, s, s.Commands.DisableClient, in.IDPath, in.ChangeHeaders, commands.DisableClient{Reason: in.Body.Reason})
		})
	e := manageClient("delete-client", http.MethodDelete, "", "Delete a client", "Ends it for ever, with its secrets and tokens, within a second.")
	e.status = http.StatusNoContent
	register(s, e, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*deletedOutput, error) {
		return deleted(sendTo(ctx, s, clientTarget, in.IDPath, s.Commands.DeleteClient, in.ChangeHeaders, commands.DeleteClient{}))
	})
}

func manageClient(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: "clients.manage"},
		id:    id, method: method, path: "/v1/clients/{id}" + action, tag: "Clients", summary: summary, description: description,
	}
}

func sendToClient[C any](ctx context.Context, s *server, handler commands.Handler[C, client.State], path IDPath, h ChangeHeaders, command C) (*changed[Client], error) {
	sent, err := sendTo(ctx, s, clientTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	body, err := clientOfState(sent)
	return &changed[Client]{sent.status, sent.Written, body}, err
}

func (s *server) clientSecretRoutes() {
	e := manageClient("register-client", http.MethodPost, "", "Register a client",
		"Makes an application to which people can sign in with their account here. One that proves itself by a secret gets it in the answer.")
	e.path, e.status = "/v1/clients", http.StatusCreated
	register(s, e, s.registerClient)
	register(s, manageClient("rotate-client-secret", http.MethodPost, "/rotate-secret", "Rotate the secret of a client",
		"Makes a new secret. The one before counts too for a while, so that the application can change over. "+
			"With an overlap of 0 seconds it ends at once, and so does every access token from before. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *RotateClientSecretBody
		}) (*changed[ClientWithSecret], error) {
			id, err := in.uuid(client.ErrNotFound)
			if err != nil {
				return nil, err
			}
			sent, text, err := withSecret(ctx, s, id, func(secret string) (outcome[client.State], secretInUse, error) {
				sent, err := sendTo(ctx, s, clientTarget, in.IDPath, s.Commands.RotateClientSecret, in.ChangeHeaders,
					commands.RotateClientSecret{SecretID: secret, Overlap: in.Body.overlap()})
				return sent, secretInUse{sent.state.SecretID, sent.state.PreviousSecretID, sent.state.PreviousUntil}, err
			})
			if err != nil {
				return nil, err
			}
			body, err := clientOfState(sent)
			return &changed[ClientWithSecret]{sent.status, sent.Written, ClientWithSecret{body, text}}, err
		})
}

func (s *server) registerClient(ctx context.Context, in *struct {
	CommandHeaders
	Body RegisterClientBody
}) (*created[ClientWithSecret], error) {
	profile, err := in.Body.profile()
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	command := commands.RegisterClient{Type: client.Type(in.Body.Type), TokenEndpointAuth: client.Auth(in.Body.TokenEndpointAuth), Profile: profile}
	sendIt := func(secret string) (outcome[client.State], secretInUse, error) {
		command.SecretID = secret
		sent, err := sendNew(ctx, s, clientTarget, id.String(), s.Commands.RegisterClient, in.CommandHeaders, command)
		return sent, secretInUse{id: sent.state.SecretID}, err
	}
	var sent outcome[client.State]
	var text string
	if command.TokenEndpointAuth == client.AuthSecret {
		sent, text, err = withSecret(ctx, s, id, sendIt)
	} else {
		sent, _, err = sendIt("")
	}
	if err != nil {
		return nil, err
	}
	body, err := clientOfState(sent)
	return &created[ClientWithSecret]{sent.status, sent.Written, "/v1/clients/" + body.ID, ClientWithSecret{body, text}}, err
}

var ofClients = []source{{readModel: clients.Name}}

func (s *server) clientReads() {
	read := route{permission: "clients.read"}
	register(s, endpoint{
		route: read, id: "list-clients", method: http.MethodGet, path: "/v1/clients", tag: "Clients",
		summary: "List clients", description: "A page of the installation's OAuth clients, without their secrets.",
		cached: ofClients,
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		PageQuery
	}) (*listed[ClientList], error) {
		c := callOf(ctx)
		if err := s.awaitReadModel(ctx, in.ReadHeaders, clients.Name, c.tenant); err != nil {
			return nil, err
		}
		query := []string{c.pattern}
		from, err := s.from(in.PageQuery, query)
		if err != nil {
			return nil, err
		}
		found, more, err := s.Clients.List(ctx, clients.ListQuery{After: from, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		out := &listed[ClientList]{PageHeaders{Position: in.MinPosition}, ClientList{Items: make([]Client, len(found))}}
		for i, v := range found {
			if out.Body.Items[i], err = clientJSON(v); err != nil {
				return nil, err
			}
			passing(ctx, out.Body.Items[i].PreviousUntil != nil)
		}
		out.Body.NextCursor, out.Link = following(s, c, found, more, query)
		return out, nil
	})
	register(s, endpoint{
		route: read, id: "get-client", method: http.MethodGet, path: "/v1/clients/{id}", tag: "Clients",
		summary: "Read a client", description: "One OAuth client, without its secret.",
		cached: ofClients,
		also:   map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
	}, func(ctx context.Context, in *oneInput) (*found[Client], error) {
		id, err := s.asked(ctx, in, clientTarget)
		if err != nil {
			return nil, err
		}
		v, err := s.Clients.Get(ctx, id)
		if err != nil {
			return nil, missingAs(err, client.ErrNotFound)
		}
		body, err := clientJSON(v)
		if err != nil {
			return nil, err
		}
		passing(ctx, body.PreviousUntil != nil)
		return oneOf(in.ConditionalHeaders, v.Version, body)
	})
}

func (b ClientBody) profile() (client.Profile, error) {
	p := client.Profile{
		Name: b.Name, RedirectURIs: b.RedirectURIs, PostLogoutRedirectURIs: b.PostLogoutRedirectURIs,
		Grants: b.Grants, Scopes: b.Scopes, FirstParty: b.FirstParty,
	}
	var err error
	if b.JWKS != nil {
		p.JWKS, err = json.Marshal(b.JWKS)
	}
	return p, err
}

func clientOfState(sent outcome[client.State]) (Client, error) {
	v := sent.state
	return clientJSON(clients.Client{
		ID: uuid.MustParse(v.ID), Name: v.Name, Type: string(v.Type), RedirectURIs: v.RedirectURIs, PostLogoutRedirectURIs: v.PostLogoutRedirectURIs,
		Grants: v.Grants, TokenEndpointAuth: string(v.TokenEndpointAuth), JWKS: v.JWKS, Scopes: v.Scopes, FirstParty: v.FirstParty,
		Status: string(v.Status), DisabledReason: v.DisabledReason, PreviousSecretID: v.PreviousSecretID, PreviousUntil: v.PreviousUntil,
		Version: sent.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	})
}

func clientJSON(v clients.Client) (Client, error) {
	shown := Client{
		ID: v.ID.String(), Type: v.Type, TokenEndpointAuth: v.TokenEndpointAuth, Status: v.Status, DisabledReason: v.DisabledReason,
		Version: v.Version, CreatedAt: v.CreatedAt.UTC(), UpdatedAt: v.UpdatedAt.UTC(),
		ClientBody: ClientBody{
			Name: v.Name, RedirectURIs: v.RedirectURIs, PostLogoutRedirectURIs: v.PostLogoutRedirectURIs,
			Grants: listOf(v.Grants), Scopes: v.Scopes, FirstParty: v.FirstParty,
		},
	}
	if v.PreviousSecretID != "" && time.Now().Before(v.PreviousUntil) {
		shown.PreviousUntil = never(v.PreviousUntil)
	}
	if len(v.JWKS) == 0 {
		return shown, nil
	}
	return shown, json.Unmarshal(v.JWKS, &shown.JWKS)
}
