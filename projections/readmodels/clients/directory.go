package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no OAuth client of that id.
var ErrNotFound = errors.New("there is no such client")

// Client is an OAuth client as its events tell it.
type Client struct {
	ID                     uuid.UUID
	Name                   string
	Type                   string
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	Grants                 []string
	TokenEndpointAuth      string
	JWKS                   json.RawMessage // nil: none
	Scopes                 []string
	FirstParty             bool // people are not asked for consent
	Status                 string
	DisabledReason         string
	SecretID               string    // empty: none
	PreviousSecretID       string    // empty: none
	PreviousUntil          time.Time // to when the previous one counts too
	Version                int64     // of the client's stream
	CreatedAt              time.Time
	UpdatedAt              time.Time
}

// Directory answers queries. Safe for concurrent use.
type Directory struct{ queries *db.Queries }

// NewDirectory returns the OAuth clients in a database.
func NewDirectory(tx db.DBTX) *Directory { return &Directory{db.New(tx)} }

// Get finds a client.
func (d *Directory) Get(ctx context.Context, id uuid.UUID) (Client, error) {
	row, err := d.queries.OAuthClientByID(ctx, db.OAuthClientByIDParams{TenantID: eventstore.SystemTenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Client{}, ErrNotFound
	}
	if err != nil {
		return Client{}, fmt.Errorf("clients: %w", err)
	}
	return fromRow(row)
}

// ListQuery selects a page of clients, oldest first.
type ListQuery struct {
	After *page.Cursor // nil for the first page
	Limit int
}

// Cursor is the place after a client in a list.
func (c Client) Cursor() page.Cursor { return page.Cursor{At: c.CreatedAt, ID: c.ID} }

// List returns a page and whether more follows.
func (d *Directory) List(ctx context.Context, q ListQuery) (clients []Client, more bool, err error) {
	from, limit := page.From(q.After, page.First), page.Limit(q.Limit)
	rows, err := d.queries.ListOAuthClients(ctx, db.ListOAuthClientsParams{
		TenantID: eventstore.SystemTenant, AfterCreatedAt: from.At, AfterID: from.ID, MaxRows: int32(limit) + 1})
	if err != nil {
		return nil, false, fmt.Errorf("clients: %w", err)
	}
	rows, more = page.Cut(rows, limit)
	clients = make([]Client, len(rows))
	for i, r := range rows {
		if clients[i], err = fromRow(r); err != nil {
			return nil, false, err
		}
	}
	return clients, more, nil
}

func fromRow(r db.OauthClient) (Client, error) {
	c := Client{
		ID: r.ID, Name: r.Name, Type: r.Type, TokenEndpointAuth: r.TokenEndpointAuth, FirstParty: r.FirstParty,
		Status: r.Status, DisabledReason: r.DisabledReason,
		SecretID: r.SecretID, PreviousSecretID: r.PreviousSecretID, PreviousUntil: r.PreviousUntil.UTC(),
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.Jwks != "" {
		c.JWKS = json.RawMessage(r.Jwks)
	}
	err := errors.Join(
		json.Unmarshal(r.RedirectUris, &c.RedirectURIs), json.Unmarshal(r.PostLogoutRedirectUris, &c.PostLogoutRedirectURIs),
		json.Unmarshal(r.Grants, &c.Grants), json.Unmarshal(r.Scopes, &c.Scopes),
	)
	if err != nil {
		return c, fmt.Errorf("client %s: %w", r.ID, err)
	}
	return c, nil
}
