package rest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/space"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/users"
)

// identityModel folds who may do what from the log when it is asked. It is three
// read models: see userModel and clientModel.
type identityModel struct {
	log   eventstore.Reader
	codec *eventstore.Codec
}

// row is a folded stream.
type row[S any] struct {
	id      uuid.UUID // nil for roles
	version int64
	maker   string // the actor of the first event
	state   S
}

// fold returns the streams of a type, the oldest first.
func fold[S, E any](m *identityModel, log uuid.UUID, streamType string, apply func(S, E) S) (rows []row[S]) {
	at := map[string]int{}
	for next := int64(0); ; {
		page, err := m.log.ReadLog(context.Background(), log, eventstore.LogQuery{StreamType: streamType, After: next})
		if err != nil {
			panic(err)
		}
		for _, e := range page.Events {
			payload, err := m.codec.Decode(context.Background(), e)
			if err != nil {
				panic(err)
			}
			i, known := at[e.Stream.ID]
			if !known {
				i = len(rows)
				at[e.Stream.ID] = i
				id, _ := uuid.Parse(e.Stream.ID)
				meta, err := e.Meta()
				if err != nil {
					panic(err)
				}
				rows = append(rows, row[S]{id: id, maker: meta.Actor})
			}
			rows[i].version, rows[i].state = e.Version, apply(rows[i].state, payload.(E))
		}
		if page.Done {
			return rows
		}
		next = page.Next
	}
}

func pageOf[T any](rows []T, limit int, isLast func(T) bool) (page []T, more bool) {
	if isLast != nil {
		rows = rows[1+slices.IndexFunc(rows, isLast):]
	}
	return rows[:min(limit, len(rows))], len(rows) > limit
}

func one[T any](rows []T, wanted func(T) bool, missing error) (T, error) {
	if i := slices.IndexFunc(rows, wanted); i >= 0 {
		return rows[i], nil
	}
	var none T
	return none, missing
}

type userModel struct{ *identityModel }

func (m userModel) all() (list []users.User) {
	for _, r := range fold(m.identityModel, eventstore.SystemTenant, user.StreamType, user.Apply) {
		u := r.state
		list = append(list, users.User{
			ID: r.id, Email: u.Email, Name: u.Name, EmailIndex: u.EmailIndex, Verified: u.Verified, Status: string(u.Status),
			PasswordID: u.PasswordID, Version: r.version, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		})
	}
	return list
}

func (m userModel) Get(_ context.Context, id uuid.UUID) (users.User, error) {
	return one(m.all(), func(u users.User) bool { return u.ID == id }, users.ErrNotFound)
}

func (m userModel) IdentityByIndex(_ context.Context, index string) (users.Identity, error) {
	for _, r := range fold(m.identityModel, eventstore.SystemTenant, user.StreamType, user.Apply) {
		for _, linked := range r.state.Identities {
			if linked.Index == index {
				return users.Identity{Index: index, UserID: r.id, Tenant: uuid.MustParse(linked.TenantID), Provider: uuid.MustParse(linked.ProviderID), Issuer: linked.Issuer}, nil
			}
		}
	}
	return users.Identity{}, users.ErrNotFound
}

func (m userModel) ByIDs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]users.User, error) {
	found := map[uuid.UUID]users.User{}
	for _, u := range m.all() {
		if slices.Contains(ids, u.ID) {
			found[u.ID] = u
		}
	}
	return found, nil
}

func (m userModel) List(_ context.Context, q users.ListQuery) ([]users.User, bool, error) {
	list := slices.DeleteFunc(m.all(), func(u users.User) bool { return q.Status != "" && u.Status != q.Status })
	var last func(users.User) bool
	if q.After != nil {
		last = func(u users.User) bool { return u.Cursor() == *q.After }
	}
	page, more := pageOf(list, q.Limit, last)
	return page, more, nil
}

func (m userModel) Count(_ context.Context, status string) (int64, error) {
	list, _, _ := m.List(context.Background(), users.ListQuery{Status: status, Limit: 1 << 20})
	return int64(len(list)), nil
}

func (m userModel) sessions() (list []users.Session) {
	for _, r := range fold(m.identityModel, eventstore.SystemTenant, session.StreamType, session.Apply) {
		v := r.state
		list = append(list, users.Session{
			ID: r.id, UserID: uuid.MustParse(v.UserID), Method: v.Method, ConfinedTo: orNil(v.ConfinedTo), ProviderID: orNil(v.ProviderID), Address: "192.0.2.1", UserAgent: "test", StartedAt: v.StartedAt,
			EndedAt: v.EndedAt, EndedReason: v.EndedReason,
		})
	}
	return list
}

func orNil(id string) uuid.UUID {
	parsed, _ := uuid.Parse(id)
	return parsed
}

func (m userModel) Session(_ context.Context, id uuid.UUID) (users.Session, error) {
	return one(m.sessions(), func(s users.Session) bool { return s.ID == id }, users.ErrNotFound)
}

func (m userModel) Sessions(_ context.Context, user uuid.UUID) ([]users.Session, error) {
	list := slices.DeleteFunc(m.sessions(), func(s users.Session) bool { return s.UserID != user || !s.EndedAt.IsZero() })
	slices.Reverse(list)
	return list, nil
}

type clientModel struct{ *identityModel }

func (m clientModel) all() (list []clients.Client) {
	for _, r := range fold(m.identityModel, eventstore.SystemTenant, client.StreamType, client.Apply) {
		if v := r.state; v.Status != client.StatusDeleted {
			list = append(list, clients.Client{
				ID: r.id, Name: v.Name, Type: string(v.Type), RedirectURIs: v.RedirectURIs, PostLogoutRedirectURIs: v.PostLogoutRedirectURIs,
				Grants: v.Grants, TokenEndpointAuth: string(v.TokenEndpointAuth), JWKS: v.JWKS, Scopes: v.Scopes, FirstParty: v.FirstParty,
				Status: string(v.Status), DisabledReason: v.DisabledReason, SecretID: v.SecretID, PreviousSecretID: v.PreviousSecretID,
				PreviousUntil: v.PreviousUntil, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
	}
	return list
}

func (m clientModel) Get(_ context.Context, id uuid.UUID) (clients.Client, error) {
	return one(m.all(), func(c clients.Client) bool { return c.ID == id }, clients.ErrNotFound)
}

func (m clientModel) List(_ context.Context, q clients.ListQuery) ([]clients.Client, bool, error) {
	var last func(clients.Client) bool
	if q.After != nil {
		last = func(c clients.Client) bool { return c.Cursor() == *q.After }
	}
	page, more := pageOf(m.all(), q.Limit, last)
	return page, more, nil
}

func (m *identityModel) members(log uuid.UUID) (list []access.Member) {
	for _, r := range fold(m, log, member.StreamType, member.Apply) {
		if v := r.state; v.Status == member.StatusActive {
			list = append(list, access.Member{UserID: r.id, Roles: v.Roles, Version: r.version, AddedAt: v.AddedAt, UpdatedAt: v.UpdatedAt})
		}
	}
	return list
}

func (m *identityModel) Member(_ context.Context, tenant, user uuid.UUID) (access.Member, error) {
	return one(m.members(tenant), func(v access.Member) bool { return v.UserID == user }, access.ErrNotFound)
}

func (m *identityModel) Members(_ context.Context, tenant uuid.UUID, p access.Page) ([]access.Member, bool, error) {
	var last func(access.Member) bool
	if p.After != nil {
		last = func(v access.Member) bool { return v.Cursor() == *p.After }
	}
	page, more := pageOf(m.members(tenant), p.Limit, last)
	return page, more, nil
}

func (m *identityModel) MembershipsOf(_ context.Context, user uuid.UUID) (list []access.Membership, _ error) {
	logs := []uuid.UUID{eventstore.SystemTenant}
	for _, r := range fold(m, eventstore.SystemTenant, tenant.StreamType, tenant.Apply) {
		logs = append(logs, r.id)
	}
	for _, log := range logs {
		if v, err := m.Member(context.Background(), log, user); err == nil {
			list = append(list, access.Membership{Tenant: log, Roles: v.Roles})
		}
	}
	return list, nil
}

func (m *identityModel) Roles(_ context.Context, tenant uuid.UUID) (list []access.Role, _ error) {
	for _, r := range fold(m, tenant, role.StreamType, role.Apply) {
		if v := r.state; v.Status == role.StatusActive {
			list = append(list, access.Role{Name: v.Name, Title: v.Title, Permissions: v.Permissions, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt})
		}
	}
	return list, nil
}

func (m *identityModel) Role(ctx context.Context, tenant uuid.UUID, name string) (access.Role, error) {
	list, _ := m.Roles(ctx, tenant)
	return one(list, func(r access.Role) bool { return r.Name == name }, access.ErrNotFound)
}

func (m *identityModel) invites(log uuid.UUID, status, maker string) (list []access.Invite) {
	for _, r := range fold(m, log, invite.StreamType, invite.Apply) {
		v := r.state
		shown := access.Invite{
			ID: r.id, Roles: v.Roles, Status: string(v.Status), Reason: v.RevokedReason, TokenID: v.TokenID, ExpiresAt: v.ExpiresAt,
			CreatedBy: r.maker, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		}
		shown.AcceptedBy, _ = uuid.Parse(v.AcceptedBy)
		if v.Status == invite.StatusOpen {
			shown.Email, shown.EmailIndex = v.Email, v.EmailIndex
		}
		if (status == "" || status == shown.Status) && (maker == "" || maker == r.maker) {
			list = append(list, shown)
		}
	}
	slices.Reverse(list)
	return list
}

func (m *identityModel) Invite(_ context.Context, tenant, id uuid.UUID) (access.Invite, error) {
	return one(m.invites(tenant, "", ""), func(v access.Invite) bool { return v.ID == id }, access.ErrNotFound)
}

func (m *identityModel) Invites(_ context.Context, tenant uuid.UUID, p access.Page) ([]access.Invite, bool, error) {
	var last func(access.Invite) bool
	if p.After != nil {
		last = func(v access.Invite) bool { return v.Cursor() == *p.After }
	}
	page, more := pageOf(m.invites(tenant, p.Status, p.CreatedBy), p.Limit, last)
	return page, more, nil
}

func (m *identityModel) keys(log uuid.UUID, status, maker string) (list []access.APIKey) {
	for _, r := range fold(m, log, apikey.StreamType, apikey.Apply) {
		if v := r.state; (status == "" || status == string(v.Status)) && (maker == "" || maker == v.CreatedBy) {
			list = append(list, access.APIKey{
				ID: r.id, Name: v.Name, Permissions: v.Permissions, Hint: v.Hint, CreatedBy: v.CreatedBy, Status: string(v.Status),
				Reason: v.RevokedReason, ExpiresAt: v.ExpiresAt, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
	}
	slices.Reverse(list)
	return list
}

func (m *identityModel) APIKey(_ context.Context, tenant, id uuid.UUID) (access.APIKey, error) {
	return one(m.keys(tenant, "", ""), func(k access.APIKey) bool { return k.ID == id }, access.ErrNotFound)
}

func (m *identityModel) APIKeys(_ context.Context, tenant uuid.UUID, p access.Page) ([]access.APIKey, bool, error) {
	var last func(access.APIKey) bool
	if p.After != nil {
		last = func(k access.APIKey) bool { return k.Cursor() == *p.After }
	}
	page, more := pageOf(m.keys(tenant, p.Status, p.CreatedBy), p.Limit, last)
	return page, more, nil
}

func (m *identityModel) ServiceAccounts(_ context.Context, tenant uuid.UUID, maker string) (list []access.ServiceAccount, _ error) {
	for _, r := range fold(m, tenant, serviceaccount.StreamType, serviceaccount.Apply) {
		if v := r.state; v.Status != serviceaccount.StatusDeleted && (maker == "" || maker == r.maker) {
			list = append(list, access.ServiceAccount{
				ID: r.id, Name: v.Name, Roles: v.Roles, Status: string(v.Status), DisabledReason: v.DisabledReason, SecretID: v.SecretID,
				PreviousSecretID: v.PreviousSecretID, PreviousUntil: v.PreviousUntil, CreatedBy: r.maker, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
	}
	return list, nil
}

func (m *identityModel) ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (access.ServiceAccount, error) {
	list, _ := m.ServiceAccounts(ctx, tenant, "")
	return one(list, func(a access.ServiceAccount) bool { return a.ID == id }, access.ErrNotFound)
}

func (m *identityModel) IdentityProviders(_ context.Context, tenant uuid.UUID) (list []access.IdentityProvider, _ error) {
	for _, r := range fold(m, tenant, provider.StreamType, provider.Apply) {
		if v := r.state; v.Status != provider.StatusRemoved {
			list = append(list, access.IdentityProvider{
				ID: r.id, Issuer: v.Issuer, Profile: v.Profile, SecretID: v.SecretID, Domains: v.Domains, Status: string(v.Status),
				DisabledReason: v.DisabledReason, EnabledAt: v.EnabledAt, Version: r.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
	}
	return list, nil
}

func (m *identityModel) IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (access.IdentityProvider, error) {
	list, _ := m.IdentityProviders(ctx, tenant)
	return one(list, func(p access.IdentityProvider) bool { return p.ID == id }, access.ErrNotFound)
}

// clock stands still until it is moved, or set going.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	going bool
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.going {
		return time.Now()
	}
	return c.now
}

// goOn has the clock show the time from now on.
func (c *clock) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.going = true
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (m *identityModel) Origins(_ context.Context, tenant uuid.UUID) (found access.Origins, err error) {
	for _, r := range fold(m, tenant, space.StreamType, space.Apply) {
		found = access.Origins{Names: r.state.Origins, Version: r.version}
	}
	return found, nil
}

func (m *identityModel) OriginNamed(ctx context.Context, origin string) (bool, error) {
	for _, r := range fold(m, eventstore.SystemTenant, tenant.StreamType, tenant.Apply) {
		if found, _ := m.Origins(ctx, r.id); slices.Contains(found.Names, origin) {
			return true, nil
		}
	}
	return false, nil
}
