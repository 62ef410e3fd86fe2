package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
)

// Config says where the provider is.
type Config struct {
	PublicURL string // the issuer: scheme, host and port
	Secure    bool   // reached over https; cookies then say so
}

// Validate names what is wrong.
func (c Config) Validate() error {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("oidc: PublicURL must be scheme://host[:port]")
	}
	if strings.TrimSuffix(u.Path, "/") != "" {
		return errors.New("oidc: PublicURL must have no path")
	}
	if c.Secure && u.Scheme != "https" {
		return errors.New("oidc: Secure needs a PublicURL with https")
	}
	return nil
}

// Users answers questions about people and their sessions, from their read model.
type Users interface {
	Get(ctx context.Context, id uuid.UUID) (users.User, error)
	ByEmailIndex(ctx context.Context, index string) (users.User, error)
	Session(ctx context.Context, id uuid.UUID) (users.Session, error)
	Sessions(ctx context.Context, user uuid.UUID) ([]users.Session, error)
	IdentityByIndex(ctx context.Context, index string) (users.Identity, error)
	Identities(ctx context.Context, user uuid.UUID) ([]users.Identity, error)
}

// Access answers questions about memberships, invites and service accounts.
type Access interface {
	Member(ctx context.Context, tenant, user uuid.UUID) (access.Member, error)
	MembershipsOf(ctx context.Context, user uuid.UUID) ([]access.Membership, error)
	Invite(ctx context.Context, tenant, id uuid.UUID) (access.Invite, error)
	ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (access.ServiceAccount, error)
	IdentityProvider(ctx context.Context, tenant, id uuid.UUID) (access.IdentityProvider, error)
	IdentityProviders(ctx context.Context, tenant uuid.UUID) ([]access.IdentityProvider, error)
	MailDomain(ctx context.Context, domain string) (access.MailDomain, error)
}

// Clients answers questions about registered clients.
type Clients interface {
	Get(ctx context.Context, id uuid.UUID) (clients.Client, error)
}

// Tenants tells what a tenant is called.
type Tenants interface {
	Get(ctx context.Context, idOrSlug string) (tenantdirectory.Tenant, error)
}

// Credentials keeps what must not be in the log.
type Credentials interface {
	SetPassword(ctx context.Context, user, id uuid.UUID, password string) error
	DropPassword(ctx context.Context, user, id uuid.UUID) error
	VerifyPassword(ctx context.Context, user, id uuid.UUID, password string) (bool, error)
	Issue(ctx context.Context, purpose credentials.Purpose, tenant, subject, id uuid.UUID, ttl time.Duration) (string, error)
	Peek(ctx context.Context, purpose credentials.Purpose, token string) (credentials.OneTime, error)
	Use(ctx context.Context, purpose credentials.Purpose, token string) (credentials.OneTime, error)
	Revoke(ctx context.Context, purpose credentials.Purpose, tenant, subject uuid.UUID) error
	OpenSession(ctx context.Context, session, user uuid.UUID, idle, absolute time.Duration) (string, error)
	SessionByToken(ctx context.Context, token string) (credentials.BrowserSession, error)
	VerifySecret(ctx context.Context, tenant, owner uuid.UUID, text string) (bool, error)
	ProviderSecret(ctx context.Context, tenant, provider, id uuid.UUID) (string, error)
	Factors
}

// Factors keeps what people sign in with besides the password.
type Factors interface {
	StoreTOTP(ctx context.Context, user, id uuid.UUID, secret, code string) (bool, error)
	DropTOTP(ctx context.Context, user, id uuid.UUID) error
	VerifyTOTP(ctx context.Context, user, id uuid.UUID, code string) (bool, error)
	StoreRecoveryCodes(ctx context.Context, user, set uuid.UUID, codes []string) error
	DropRecoveryCodes(ctx context.Context, user, set uuid.UUID) error
	UseRecoveryCode(ctx context.Context, user, set uuid.UUID, code string) (bool, error)
	RecoveryCodesLeft(ctx context.Context, user, set uuid.UUID) (int, error)
	StorePasskey(ctx context.Context, user uuid.UUID, k credentials.Passkey) error
	DropPasskey(ctx context.Context, user, id uuid.UUID) error
	Passkeys(ctx context.Context, user uuid.UUID) ([]credentials.Passkey, error)
	UsePasskey(ctx context.Context, user, id uuid.UUID, signCount uint32) error
	SpendChallenge(ctx context.Context, challenge []byte, until time.Time) (bool, error)
}

// Grants keeps what people granted to clients.
type Grants interface {
	IssueCode(ctx context.Context, a grants.Approval) (code string, err error)
	RedeemCode(ctx context.Context, r grants.Redemption) (grants.Grant, error)
	IssueRefresh(ctx context.Context, g grants.Grant) (token string, err error)
	PeekRefresh(ctx context.Context, token, clientID string) (grants.Grant, error)
	Rotate(ctx context.Context, token, clientID string, memberOf uuid.UUID) (successor string, err error)
	GrantOfRefresh(ctx context.Context, token, clientID string) (g grants.Grant, current bool, err error)
	StartDevice(ctx context.Context, clientID, address string, scope []string) (deviceCode, userCode string, interval time.Duration, err error)
	DeviceByUserCode(ctx context.Context, userCode string) (grants.Device, error)
	ApproveDevice(ctx context.Context, d grants.Device, a grants.Approval) error
	DenyDevice(ctx context.Context, d grants.Device) error
	PollDevice(ctx context.Context, deviceCode, clientID string) (grants.Grant, error)
	Consented(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) (bool, error)
	Consent(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) error
	Consents(ctx context.Context, user uuid.UUID) ([]grants.Consent, error)
	Withdraw(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID) (sessions []uuid.UUID, err error)
	Revoke(ctx context.Context, grant uuid.UUID, reason string) error
	RevokeSession(ctx context.Context, session uuid.UUID, reason string) error
	RevokeUser(ctx context.Context, user uuid.UUID, reason string) error
	RevokeToken(ctx context.Context, id string) error
	UseAssertion(ctx context.Context, clientID, id string, expires time.Time) (first bool, err error)
	Revocations(ctx context.Context) (map[string]time.Time, error)
	SigningKeys(ctx context.Context) ([]grants.SigningKey, error)
}

// Acts are what people do to their own account. Each returns when the read
// models show it.
type Acts interface {
	Register(ctx context.Context, v Visitor, r Registration) error
	VerifyEmail(ctx context.Context, v Visitor, user uuid.UUID) error
	SetPassword(ctx context.Context, v Visitor, user, password uuid.UUID) error
	StartSession(ctx context.Context, v Visitor, session, user uuid.UUID, method string, c Confinement) error
	EndSession(ctx context.Context, v Visitor, session uuid.UUID, reason string) error
	AcceptInvite(ctx context.Context, v Visitor, tenant, invite, user uuid.UUID) error
	EnableTOTP(ctx context.Context, v Visitor, user, totp, recoverySet uuid.UUID) error
	DisableTOTP(ctx context.Context, v Visitor, user uuid.UUID) error
	MakeRecoveryCodes(ctx context.Context, v Visitor, user, set uuid.UUID) error
	AddPasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID, name string) error
	RenamePasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID, name string) error
	RemovePasskey(ctx context.Context, v Visitor, user, passkey uuid.UUID) error
	LinkIdentity(ctx context.Context, v Visitor, user uuid.UUID, i user.Identity) error
	UnlinkIdentity(ctx context.Context, v Visitor, user uuid.UUID, index string) error
	// MapRoles gives a user the roles of their groups at a tenant's identity provider.
	MapRoles(ctx context.Context, v Visitor, user uuid.UUID, c Confinement, groups []string) error
}

// Federation signs people in at OpenID providers of others.
type Federation interface {
	Begin(ctx context.Context, p federation.Provider, redirect string, w federation.Wish) (address string, begun federation.Begun, err error)
	Finish(ctx context.Context, p federation.Provider, redirect string, begun federation.Begun, answer url.Values) (federation.Person, error)
}

// Confinement is the one tenant that a session is good for, and that tenant's
// identity provider, which vouched for the user. The zero Confinement is none.
type Confinement struct{ Tenant, Provider uuid.UUID }

// Visitor is where an act comes from.
type Visitor struct {
	Actor         string // "user:<id>"
	Address       string
	UserAgent     string
	CorrelationID string
}

// Registration is a new account.
type Registration struct {
	User       uuid.UUID
	Email      string
	Name       string
	Verified   bool
	PasswordID uuid.UUID      // nil: none
	Identity   *user.Identity // who they are at a tenant's identity provider, if that sent them
}

// Deps is what the provider needs; everything but Address and Now is required.
type Deps struct {
	Config      Config
	Grants      Grants
	Users       Users
	Access      Access
	Clients     Clients
	Tenants     Tenants
	Credentials Credentials
	Acts        Acts
	Mailer      mail.Mailer
	Limits      limits.Limits
	// EmailIndex is the keyed hash of a normalised e-mail address.
	EmailIndex func(normalised string) string
	// IdentityIndex is the keyed hash of who somebody is at an identity provider of
	// a tenant.
	IdentityIndex func(tenant uuid.UUID, issuer, subject string) string
	Federation    Federation
	// Key seals requests on their way through the pages; the same on every node.
	Key    [32]byte
	Logger *slog.Logger
	// Address is the client's address; nil: what the middleware found, else that of
	// the connection.
	Address func(*http.Request) string
	Now     func() time.Time // nil: time.Now
}

func (d *Deps) validate() error {
	var missing []error
	for name, there := range map[string]bool{
		"Grants": d.Grants != nil, "Users": d.Users != nil, "Access": d.Access != nil, "Clients": d.Clients != nil,
		"Tenants": d.Tenants != nil, "Credentials": d.Credentials != nil, "Acts": d.Acts != nil, "Mailer": d.Mailer != nil,
		"Limits": d.Limits != nil, "EmailIndex": d.EmailIndex != nil, "IdentityIndex": d.IdentityIndex != nil, "Federation": d.Federation != nil,
		"Key": d.Key != [32]byte{}, "Logger": d.Logger != nil,
	} {
		if !there {
			missing = append(missing, fmt.Errorf("oidc: Deps.%s is missing", name))
		}
	}
	return errors.Join(append(missing, d.Config.Validate())...)
}
