package grants

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tansu.cloud/sql/db"
)

const (
	cleanEvery = 10 * time.Minute
	cleanBatch = 1_000
	// keepUsed is how long a code or token is remembered after it expired, so that
	// a late replay is still recognised.
	keepUsed = 24 * time.Hour
)

// Run deletes what expired, until ctx ends. Several nodes may do so at once.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	for {
		if err := s.Clean(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "grants: what expired was not deleted; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Clean deletes what expired.
func (s *Store) Clean(ctx context.Context) error {
	before := s.now().Add(-keepUsed)
	for what, remove := range map[string]func() (int64, error){
		"grants": func() (int64, error) {
			return s.q.DeleteOldOAuthGrants(ctx, db.DeleteOldOAuthGrantsParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
		"codes": func() (int64, error) {
			return s.q.DeleteOldOAuthCodes(ctx, db.DeleteOldOAuthCodesParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
		"refresh tokens": func() (int64, error) {
			return s.q.DeleteOldOAuthRefreshTokens(ctx, db.DeleteOldOAuthRefreshTokensParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
		"devices": func() (int64, error) {
			return s.q.DeleteOldOAuthDevices(ctx, db.DeleteOldOAuthDevicesParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
		"assertions": func() (int64, error) {
			return s.q.DeleteOldOAuthAssertions(ctx, db.DeleteOldOAuthAssertionsParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
		"revocations": func() (int64, error) {
			return s.q.DeleteOldOAuthRevocations(ctx, db.DeleteOldOAuthRevocationsParams{TenantID: tenant, ExpiresAt: before, MaxRows: cleanBatch})
		},
	} {
		for {
			deleted, err := remove()
			if err != nil {
				return fmt.Errorf("deleting old %s: %w", what, err)
			}
			if deleted < cleanBatch {
				break
			}
		}
	}
	return nil
}
