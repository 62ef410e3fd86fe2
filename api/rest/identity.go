package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/users"
)

// Users answers questions about people and their sessions.
type Users interface {
	Get(ctx context.Context, id uuid.UUID) (users.User, error)
	ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.User, error)
	List(ctx context.Context, q users.ListQuery) (page []users.User, more bool, err error)
	Count(ctx context.Context, status string) (int64, error)
	Session(ctx context.Context, id uuid.UUID) (users.Session, error)
	Sessions(ctx context.Context, user uuid.UUID) ([]users.Session, error)
}

// Clients answers questions about OAuth clients.
type Clients interface {
	Get(ctx context.Context, id uuid.UUID) (clients.Client, error)
	List(ctx context.Context, q clients.ListQuery) (page []clients.Client, more bool, err error)
}

// Directory answers questions about who may do what in a tenant.
type Directory interface {
	Member(ctx context.Context, tenant, user uuid.UUID) (access.Member, error)
	Members(ctx context.Context, tenant uuid.UUID, p access.Page) ([]access.Member, bool, error)
	MembershipsOf(ctx context.Context, user uuid.UUID) ([]access.Membership, error)
	Role(ctx context.Context, tenant uuid.UUID, name string) (access.Role, error)
	Roles(ctx context.Context, tenant uuid.UUID) ([]access.Role, error)
	Origins(ctx context.Context, tenant uuid.UUID) (access.Origins, error)
	Invite(ctx context.Context, tenant, id uuid.UUID) (access.Invite, error)
	Invites(ctx context.Context, tenant uuid.UUID, p access.Page) ([]access.Invite, bool, error)
	APIKey(ctx context.Context, tenant, id uuid.UUID) (access.APIKey, error)
	APIKeys(ctx context.Context, tenant uuid.UUID, p access.Page) ([]access.APIKey, bool, error)
	ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (access.ServiceAccount, error)
	ServiceAccounts(ctx context.Context, tenant uuid.UUID, createdBy string) ([]access.ServiceAccount, error)
	IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (access.IdentityProvider, error)
	IdentityProviders(ctx context.Context, tenant uuid.UUID) ([]access.IdentityProvider, error)
}

// Credentials keeps what must not stand in the log.
type Credentials interface {
	Issue(ctx context.Context, purpose credentials.Purpose, tenant, subject, id uuid.UUID, ttl time.Duration) (string, error)

	StoreAPIKey(ctx context.Context, tenant, id uuid.UUID, hash [32]byte) error
	DeleteAPIKey(ctx context.Context, tenant, id uuid.UUID) error
	LastUsed(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]time.Time, error)

	StoreSecret(ctx context.Context, tenant, owner, id uuid.UUID, text string) error
	KeepSecret(ctx context.Context, tenant, owner, id uuid.UUID, position int64) error
	DropSecret(ctx context.Context, tenant, owner, id uuid.UUID) error
	RetireSecrets(ctx context.Context, tenant, owner uuid.UUID, position int64, until time.Time) error

	StoreProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID, secret string) error
	DropProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID) error
}

// Federation says what is wrong with an identity provider.
type Federation interface {
	Check(ctx context.Context, p federation.Provider) []federation.Finding
}

// NameServers answer what stands in a domain: *net.Resolver does.
type NameServers interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// isPage finds the requests of browsers that show what is answered to people.
func isPage(r *http.Request) bool {
	shown := strings.HasPrefix(r.URL.Path, "/auth/") || r.URL.Path == "/oauth/authorize" || r.URL.Path == "/oauth/end_session"
	return shown && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}

// mountIdentity serves the OpenID provider in the same chain of middleware. It
// knows callers and media types of its own.
func (s *server) mountIdentity() {
	mount := func(h http.Handler, patterns ...string) {
		if h == nil {
			return
		}
		for _, pattern := range patterns {
			s.handle(pattern, route{public: true, foreign: true}, h.ServeHTTP)
		}
	}
	mount(s.Identity, "/oauth/", "/auth/", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
	mount(s.Mailbox, mail.MailboxPath, mail.MailboxPath+"/")
}
