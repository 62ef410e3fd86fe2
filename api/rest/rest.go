package rest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"tansu.cloud/api/access"
	"tansu.cloud/api/bounds"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/ws"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/cache"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// Tenants answers questions about tenants from their read model.
type Tenants interface {
	Get(ctx context.Context, idOrSlug string) (tenantdirectory.Tenant, error)
	List(ctx context.Context, q tenantdirectory.ListQuery) (tenants []tenantdirectory.Tenant, more bool, err error)
	Count(ctx context.Context, f tenantdirectory.Filter) (int64, error)
	Details(ctx context.Context, id uuid.UUID) (tenantdirectory.Details, error)
}

// DeadLetters answers questions about parked streams from their read model.
type DeadLetters interface {
	Get(ctx context.Context, id uuid.UUID) (deadletters.Letter, error)
	List(ctx context.Context, q deadletters.ListQuery) (letters []deadletters.Letter, more bool, err error)
}

// Projections tells how far the projections are. Wait returns when the read
// model of a projection shows a tenant's log up to a position, or when ctx ends.
// Shown tells at once which version of a tenant's rows the read model shows, and
// what these include at least, if that is certain: versions are never late.
type Projections interface {
	Status(ctx context.Context) ([]ProjectionStatus, error)
	Wait(ctx context.Context, projection string, tenant uuid.UUID, position int64) error
	Shown(projection string, tenant uuid.UUID) (version string, reached int64, known bool)
}

// Feeds opens feeds of events that end when the rights of their reader do.
type Feeds interface {
	// Connections is how many sockets and feeds of a tenant are open.
	Connections(ctx context.Context, tenant uuid.UUID) int
	Open(ctx context.Context, r ws.Reader, spec feeds.Spec, wake func()) (*ws.Feed, error)
}

// Access tells whom a bearer token stands for, in a request that names a tenant by id
// or slug, or none. A *problem.Problem below 500 says that the token does not hold;
// any other error, that this cannot be told now.
type Access interface {
	Authenticate(ctx context.Context, token, tenant string) (*access.Principal, error)
}

// Deps is what the interface needs; everything but Identity, TooMany, Mailbox,
// RateLimits and Cache is required.
type Deps struct {
	Config      Config
	Commands    *commands.Commands
	History     *commands.History
	Log         eventstore.Reader
	Tenants     Tenants
	DeadLetters DeadLetters
	Projections Projections
	Webhooks    Webhooks
	Jobs        Jobs
	Limits      limits.Limits
	Access      Access
	Users       Users
	Clients     Clients
	Directory   Directory
	Credentials Credentials
	Consents    Consents
	Federation  Federation
	NameServers NameServers
	Mailer      mail.Mailer
	Usage       Usage
	Bounds      *bounds.Table
	Identity    http.Handler // the OpenID provider and its pages
	TooMany     http.Handler // the page for browsers that are refused at those pages; nil: there are none
	Mailbox     http.Handler // shows the mail of an installation that sends none
	RateLimits  *middleware.RateLimits
	Cache       cache.Cache // of answers; nil: none are kept, and tenants are looked up each time
	Feeds       Feeds
	Sockets     http.Handler       // websockets at /v1/ws
	Signer      ed25519.PrivateKey // signs exports
	CursorKey   []byte             // authenticates cursors; the same on every node
	Health      func(context.Context) Health
	Metrics     http.Handler
	Logger      *slog.Logger
}

func (d *Deps) validate() error {
	var missing []error
	for name, there := range map[string]bool{
		"Commands": d.Commands != nil, "History": d.History != nil, "Log": d.Log != nil, "Tenants": d.Tenants != nil,
		"DeadLetters": d.DeadLetters != nil, "Projections": d.Projections != nil, "Access": d.Access != nil,
		"Users": d.Users != nil, "Clients": d.Clients != nil, "Directory": d.Directory != nil,
		"Credentials": d.Credentials != nil, "Consents": d.Consents != nil, "Mailer": d.Mailer != nil, "Federation": d.Federation != nil, "NameServers": d.NameServers != nil,
		"Usage": d.Usage != nil, "Bounds": d.Bounds != nil,
		"Webhooks": d.Webhooks != nil, "Jobs": d.Jobs != nil, "Limits": d.Limits != nil,
		"Feeds": d.Feeds != nil, "Sockets": d.Sockets != nil,
		"Signer": len(d.Signer) == ed25519.PrivateKeySize, "CursorKey": len(d.CursorKey) >= 16,
		"Health": d.Health != nil, "Metrics": d.Metrics != nil, "Logger": d.Logger != nil,
	} {
		if !there {
			missing = append(missing, errors.New("rest: Deps."+name+" is missing"))
		}
	}
	return errors.Join(append(missing, d.Config.Validate())...)
}

// server holds the routes and what they need.
type server struct {
	Deps
	api     huma.API
	mux     *http.ServeMux
	routes  map[string]route    // by pattern
	cached  map[string][]source // likewise
	flights singleflight.Group  // of answers that are being made to be kept
	opened  *otter.Cache[string, opened]
	cursors cursors
}

// New returns the interface as a handler.
func New(d Deps) (http.Handler, error) {
	d.Config.setDefaults()
	if err := d.validate(); err != nil {
		return nil, err
	}
	s := newServer(d)
	if err := s.publish(); err != nil {
		return nil, err
	}
	s.mountIdentity()
	return s.handler(s.countPreflights, middleware.CORS(s.admitsOrigin)), nil
}

// NewProbes returns what a node answers that serves no clients: its health and
// its metrics. It needs Access, Health, Metrics and Logger.
func NewProbes(d Deps) (http.Handler, error) {
	d.Config.setDefaults()
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	s := bareServer(d)
	s.healthRoutes()
	return s.handler(), nil
}

// handler puts the layers around the routes; pages are those for pages from other
// origins.
func (s *server) handler(pages ...middleware.Func) http.Handler {
	d := s.Deps
	return middleware.Chain(http.HandlerFunc(s.dispatch), slices.Concat([]middleware.Func{
		middleware.Begin(d.Logger, s.find),
		middleware.RequestID,
		middleware.Client(d.Config.TrustedProxies),
		middleware.Trace,
		middleware.AccessLog(d.Logger),
		middleware.Compress,
		middleware.SecurityHeaders,
	}, pages, []middleware.Func{
		middleware.Limits(d.Config.HeaderLimit, d.Config.BodyLimit),
		middleware.Timeout(d.Config.Timeout),
	})...)
}

func bareServer(d Deps) *server {
	s := &server{Deps: d, mux: http.NewServeMux(), routes: map[string]route{}, cached: map[string][]source{}, cursors: cursors{d.CursorKey},
		opened: otter.Must(&otter.Options[string, opened]{MaximumSize: maxOpened})}
	s.api = newAPI(s.mux)
	return s
}

// newServer declares the routes; it needs no working dependencies, so that the
// OpenAPI document can be built without any.
func newServer(d Deps) *server {
	s := bareServer(d)
	s.tenantRoutes()
	s.eventRoutes()
	s.streamRoutes()
	s.projectionRoutes()
	s.deadLetterRoutes()
	s.auditRoutes()
	s.subjectRoutes()
	s.webhookRoutes()
	s.jobRoutes()
	s.accountRoutes()
	s.userRoutes()
	s.memberRoutes()
	s.roleRoutes()
	s.originRoutes()
	s.inviteRoutes()
	s.apiKeyRoutes()
	s.serviceAccountRoutes()
	s.identityProviderRoutes()
	s.clientRoutes()
	s.sessionRoutes()
	s.consentRoutes()
	s.activityRoutes()
	s.feedRoutes()
	s.healthRoutes()
	return s
}
