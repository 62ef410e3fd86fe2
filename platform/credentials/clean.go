package credentials

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// cleanBatch bounds what one statement deletes.
const cleanBatch = 500

// Clean deletes what has expired.
func (s *Store) Clean(ctx context.Context) error {
	now := s.now()
	return errors.Join(
		cleanUp(now, "passwords",
			func(before time.Time) ([]db.OldPasswordsRow, error) {
				return s.queries.OldPasswords(ctx, db.OldPasswordsParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldPasswordsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldPasswords(ctx, db.DeleteOldPasswordsParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		cleanUp(now.Add(-explainedFor), "tokens",
			func(before time.Time) ([]db.OldOneTimeTokensRow, error) {
				return s.queries.OldOneTimeTokens(ctx, db.OldOneTimeTokensParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldOneTimeTokensRow) (uuid.UUID, []byte) { return r.TenantID, r.Hash },
			func(tenant uuid.UUID, hashes [][]byte, before time.Time) (int64, error) {
				return s.queries.DeleteOldOneTimeTokens(ctx, db.DeleteOldOneTimeTokensParams{TenantID: tenant, Hashes: hashes, Before: before})
			}),
		cleanUp(now, "sessions",
			func(before time.Time) ([]db.OldBrowserSessionsRow, error) {
				return s.queries.OldBrowserSessions(ctx, db.OldBrowserSessionsParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldBrowserSessionsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldBrowserSessions(ctx, db.DeleteOldBrowserSessionsParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		cleanUp(now, "API keys",
			func(before time.Time) ([]db.OldAPIKeyHashesRow, error) {
				return s.queries.OldAPIKeyHashes(ctx, db.OldAPIKeyHashesParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldAPIKeyHashesRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldAPIKeyHashes(ctx, db.DeleteOldAPIKeyHashesParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		cleanUp(now, "secrets",
			func(before time.Time) ([]db.OldClientSecretsRow, error) {
				return s.queries.OldClientSecrets(ctx, db.OldClientSecretsParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldClientSecretsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldClientSecrets(ctx, db.DeleteOldClientSecretsParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		s.cleanFactors(ctx, now),
		s.cleanProviderSecrets(ctx, now),
	)
}

// cleanUp deletes rows in batches, each tenant's on their own, until fewer are
// left than fill a batch.
func cleanUp[R, K any](before time.Time, what string, list func(time.Time) ([]R, error), key func(R) (uuid.UUID, K),
	remove func(uuid.UUID, []K, time.Time) (int64, error),
) error {
	for {
		rows, err := list(before)
		if err != nil {
			return fmt.Errorf("looking for expired %s: %w", what, err)
		}
		keys := map[uuid.UUID][]K{}
		for _, row := range rows {
			tenant, k := key(row)
			keys[tenant] = append(keys[tenant], k)
		}
		for tenant, some := range keys {
			if _, err := remove(tenant, some, before); err != nil {
				return fmt.Errorf("deleting expired %s: %w", what, err)
			}
		}
		if len(rows) < cleanBatch {
			return nil
		}
	}
}
