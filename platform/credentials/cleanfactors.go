package credentials

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// cleanFactors is the part of Clean for what people sign in with besides the
// password.
func (s *Store) cleanFactors(ctx context.Context, now time.Time) error {
	return errors.Join(
		cleanUp(now, "authenticator secrets",
			func(before time.Time) ([]db.OldTOTPSecretsRow, error) {
				return s.queries.OldTOTPSecrets(ctx, db.OldTOTPSecretsParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldTOTPSecretsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldTOTPSecrets(ctx, db.DeleteOldTOTPSecretsParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		cleanUp(now, "recovery codes",
			func(before time.Time) ([]db.OldRecoveryCodesRow, error) {
				return s.queries.OldRecoveryCodes(ctx, db.OldRecoveryCodesParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldRecoveryCodesRow) (uuid.UUID, []byte) { return r.TenantID, r.Hash },
			func(tenant uuid.UUID, hashes [][]byte, before time.Time) (int64, error) {
				return s.queries.DeleteOldRecoveryCodes(ctx, db.DeleteOldRecoveryCodesParams{TenantID: tenant, Hashes: hashes, Before: before})
			}),
		cleanUp(now, "passkeys",
			func(before time.Time) ([]db.OldPasskeyCredentialsRow, error) {
				return s.queries.OldPasskeyCredentials(ctx, db.OldPasskeyCredentialsParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldPasskeyCredentialsRow) (uuid.UUID, uuid.UUID) { return r.TenantID, r.ID },
			func(tenant uuid.UUID, ids []uuid.UUID, before time.Time) (int64, error) {
				return s.queries.DeleteOldPasskeyCredentials(ctx, db.DeleteOldPasskeyCredentialsParams{TenantID: tenant, Ids: ids, Before: before})
			}),
		cleanUp(now, "challenges",
			func(before time.Time) ([]db.OldSpentChallengesRow, error) {
				return s.queries.OldSpentChallenges(ctx, db.OldSpentChallengesParams{Before: before, MaxRows: cleanBatch})
			},
			func(r db.OldSpentChallengesRow) (uuid.UUID, []byte) { return r.TenantID, r.Hash },
			func(tenant uuid.UUID, hashes [][]byte, before time.Time) (int64, error) {
				return s.queries.DeleteOldSpentChallenges(ctx, db.DeleteOldSpentChallengesParams{TenantID: tenant, Hashes: hashes, Before: before})
			}),
	)
}
