package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// maxConsents bounds how many consents of a user are listed.
const maxConsents = 200

// Consent is what a user allows a client to do in a tenant.
type Consent struct {
	ClientID  string
	MemberOf  uuid.UUID // the tenant
	Scope     []string
	GrantedAt time.Time // the first time
	UsedAt    time.Time // when the client last got tokens by it; zero: not known
}

// Consents lists what a user allows, the newest first; at most 200.
func (s *Store) Consents(ctx context.Context, user uuid.UUID) ([]Consent, error) {
	rows, err := s.q.OAuthConsentsOfUser(ctx, db.OAuthConsentsOfUserParams{TenantID: tenant, UserID: user, MaxRows: maxConsents})
	if err != nil {
		return nil, fmt.Errorf("consents of a user: %w", err)
	}
	list := make([]Consent, len(rows))
	for i, row := range rows {
		list[i] = Consent{ClientID: row.ClientID, MemberOf: row.MemberOf, Scope: strings.Fields(row.Scope), GrantedAt: row.GrantedAt.UTC()}
		if row.UsedAt != nil {
			list[i].UsedAt = row.UsedAt.UTC()
		}
	}
	return list, nil
}

// Consented reports whether a user has allowed a client all of a scope in a
// tenant.
func (s *Store) Consented(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) (bool, error) {
	granted, err := consent(ctx, s.q, user, clientID, memberOf)
	return covers(granted, scope), err
}

func covers(granted, scope []string) bool {
	return !slices.ContainsFunc(scope, func(one string) bool { return !slices.Contains(granted, one) })
}

// Consent records that a user allows a client a scope in a tenant, besides what
// it was allowed there before.
func (s *Store) Consent(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string) error {
	return allow(ctx, s.q, user, clientID, memberOf, scope, s.now())
}

func allow(ctx context.Context, q *db.Queries, user uuid.UUID, clientID string, memberOf uuid.UUID, scope []string, now time.Time) error {
	granted, err := consent(ctx, q, user, clientID, memberOf)
	if err != nil {
		return err
	}
	granted = append(granted, scope...)
	slices.Sort(granted)
	err = q.PutOAuthConsent(ctx, db.PutOAuthConsentParams{
		TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf, Scope: strings.Join(slices.Compact(granted), " "), GrantedAt: now,
	})
	if err != nil {
		return fmt.Errorf("storing a consent: %w", err)
	}
	return nil
}

func consent(ctx context.Context, q *db.Queries, user uuid.UUID, clientID string, memberOf uuid.UUID) ([]string, error) {
	scope, err := q.OAuthConsent(ctx, db.OAuthConsentParams{TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("a consent: %w", err)
	}
	return strings.Fields(scope), nil
}

// useConsent notes in the consent, if there is one, that its client gets tokens:
// ErrNotConsented if it does not cover what they rest on.
func useConsent(ctx context.Context, q *db.Queries, user uuid.UUID, clientID string, memberOf uuid.UUID, agreed []string, now time.Time) error {
	scope, err := q.UseOAuthConsent(ctx, db.UseOAuthConsentParams{TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf, Now: now})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("using a consent: %w", err)
	}
	if !covers(strings.Fields(scope), agreed) {
		return ErrNotConsented
	}
	return nil
}

// Withdraw takes back what a user allows a client in a tenant, with everything that
// came from it, and returns the sessions in which that was granted: ErrUnknown if
// nothing is allowed.
func (s *Store) Withdraw(ctx context.Context, user uuid.UUID, clientID string, memberOf uuid.UUID) (sessions []uuid.UUID, err error) {
	err = s.revoke(ctx, func(q *db.Queries, now time.Time) ([]uuid.UUID, error) {
		n, err := q.DeleteOAuthConsent(ctx, db.DeleteOAuthConsentParams{TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf})
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, ErrUnknown
		}
		rows, err := q.RevokeOAuthGrantsOfConsent(ctx, db.RevokeOAuthGrantsOfConsentParams{
			TenantID: tenant, UserID: user, ClientID: clientID, MemberOf: memberOf, Now: now, Reason: "the user withdrew their consent",
		})
		ids := make([]uuid.UUID, len(rows))
		for i, row := range rows {
			ids[i] = row.ID
			sessions = append(sessions, row.SessionID)
		}
		return ids, err
	})
	return sessions, err
}
