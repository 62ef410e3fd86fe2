package credentials

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// maxTouched bounds the memory between two rounds; a use beyond it is not
// written down.
const maxTouched = 100_000

// lastUsed collects when API keys were used, so that each is written at most
// once a round.
type lastUsed struct {
	mu      sync.Mutex
	pending map[keyID]time.Time
}

type keyID struct{ tenant, id uuid.UUID }

// TouchAPIKey notes that a key was used. Run writes it down.
func (s *Store) TouchAPIKey(tenant, id uuid.UUID) {
	now, key := s.now(), keyID{tenant, id}
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	if _, known := s.used.pending[key]; known || len(s.used.pending) < maxTouched {
		s.used.pending[key] = now
	}
}

// LastUsed returns when keys of a tenant were last used; those that never were
// are not in it.
func (s *Store) LastUsed(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	rows, err := s.queries.APIKeysLastUsed(ctx, db.APIKeysLastUsedParams{TenantID: tenant, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("reading when API keys were used: %w", err)
	}
	last := make(map[uuid.UUID]time.Time, len(rows))
	for _, row := range rows {
		last[row.ID] = row.LastUsedAt
	}
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	for _, id := range ids {
		if at, touched := s.used.pending[keyID{tenant, id}]; touched && at.After(last[id]) {
			last[id] = at
		}
	}
	return last, nil
}

// Flush writes down what TouchAPIKey has noted. What cannot be written is left
// out: the next use tells again.
func (s *Store) Flush(ctx context.Context) error {
	s.used.mu.Lock()
	pending := s.used.pending
	s.used.pending = map[keyID]time.Time{}
	s.used.mu.Unlock()
	tenants := map[uuid.UUID]*db.TouchAPIKeyHashesParams{}
	for key, at := range pending {
		params := tenants[key.tenant]
		if params == nil {
			params = &db.TouchAPIKeyHashesParams{TenantID: key.tenant}
			tenants[key.tenant] = params
		}
		params.Ids, params.LastUsed = append(params.Ids, key.id), append(params.LastUsed, at)
	}
	var faults []error
	for tenant, params := range tenants {
		if err := s.queries.TouchAPIKeyHashes(ctx, *params); err != nil {
			faults = append(faults, fmt.Errorf("writing when API keys of tenant %s were used: %w", tenant, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(faults...)
}
