package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Consented reports whether a user has allowed a client all of a scope in a
// tenant.
func (s *Store) Consented(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) (bool, error) {
	granted, err := s.consent(ctx, user, clientID, memberOf)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(scope, func(one string) bool { return !slices.Contains(granted, one) }), nil
}

// Consent records that a user allows a client a scope in a tenant, besides what
// it was allowed there before.
func (s *Store) Consent(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) error {
	granted, err := s.consent(ctx, user, clientID, memberOf)
	if err != nil {
		return err
	}
	granted = append(granted, scope...)
	slices.Sort(granted)
	err = s.q.PutOAuthConsent(ctx, db.PutOAuthConsentParams{
		TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf, Scope: strings.Join(slices.Compact(granted), " "), GrantedAt: s.now(),
	})
	if err != nil {
		return fmt.Errorf("storing a consent: %w", err)
	}
	return nil
}

func (s *Store) consent(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID) ([]string, error) {
	scope, err := s.q.OAuthConsent(ctx, db.OAuthConsentParams{TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf})
	if err = unknownIfNone(err); errors.Is(err, ErrUnknown) {
		return nil, nil
	}
	return strings.Fields(scope), err
}

func unknownIfNone(err error) error {
	if err == nil {
		return nil
	}
	return unknown(err)
}
