package rest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/limits"
)

// ProviderTest is what a provider says of itself, judged.
type ProviderTest struct {
	OK       bool              `json:"ok" doc:"Whether all is as it must be." example:"true"`
	Findings []ProviderFinding `json:"findings" doc:"What was looked at."`
}

// ProviderFinding is the outcome of one check.
type ProviderFinding struct {
	Check   string `json:"check" doc:"What was looked at: discovery, response_type, pkce, signature, client_authentication, scope or keys." example:"discovery"`
	OK      bool   `json:"ok" doc:"Whether it is as it must be." example:"true"`
	Message string `json:"message,omitempty" doc:"What is wrong, and what to do." example:"the provider signs ID tokens with a shared secret or not at all; choose RS256 or ES256"`
}

// providerTests bounds how often a tenant has addresses of its choosing asked.
var providerTests = limits.Rate{Tokens: 10, Per: time.Minute, Burst: 10}

func (s *server) identityProviderTestRoute() {
	e := manageProvider("test-identity-provider", http.MethodPost, "/test", "Test an identity provider",
		"Asks the provider what it offers, within 20 seconds, and says what is wrong with that. Whether client id and secret are right, only a sign-in shows. Providers and domains of a tenant can be looked up ten times in a minute.")
	e.also = map[int]string{http.StatusTooManyRequests: "Too many tests; `Retry-After` says when the next one is possible."}
	register(s, e, func(ctx context.Context, in *struct{ IDPath }) (*listed[ProviderTest], error) {
		id, err := in.uuid(provider.ErrNotFound)
		if err != nil {
			return nil, err
		}
		tenant := callOf(ctx).tenant
		p, err := s.Directory.IdentityProvider(ctx, tenant, id)
		if err != nil {
			return nil, missingAs(err, provider.ErrNotFound)
		}
		if err := s.allowLookUp(ctx, tenant); err != nil {
			return nil, err
		}
		out := &listed[ProviderTest]{Body: ProviderTest{OK: true, Findings: []ProviderFinding{}}}
		for _, f := range s.Federation.Check(ctx, federation.Provider{Issuer: p.Issuer, ClientID: p.Profile.ClientID, Scopes: p.Profile.Scopes}) {
			out.Body.OK = out.Body.OK && f.OK
			out.Body.Findings = append(out.Body.Findings, ProviderFinding{f.Check, f.OK, f.Message})
		}
		return out, nil
	})
}

// allowLookUp counts what a tenant has looked up outside.
func (s *server) allowLookUp(ctx context.Context, tenant uuid.UUID) error {
	if d := s.Limits.Allow(ctx, tenant.String()+"/identity-provider-tests", providerTests, 1); !d.OK {
		return problem.New(problem.RateLimited, "The tenant's identity providers and domains were looked up ten times in a minute; wait a little.").
			WithHeader("Retry-After", strconv.Itoa(int(math.Ceil(d.RetryAfter.Seconds()))))
	}
	return nil
}
