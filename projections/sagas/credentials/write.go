package credentials

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

const (
	// retiredFor covers a read model that is behind and still names the former
	// password, or secret of an identity provider.
	retiredFor = 24 * time.Hour
	// revokedFor outlives every access token.
	revokedFor = time.Hour
	// resetLink is the purpose of the links by which a password is chosen.
	resetLink = "reset_password"
)

// statement writes what n things need, and nothing for none.
type statement struct {
	n  int
	do func() error
}

// write carries the duties out. What was named and ended in the same batch is
// named first.
func (d *duties) write(ctx context.Context, q *db.Queries, tenant uuid.UUID, now time.Time) error {
	for _, s := range slices.Concat(d.ofPeople(ctx, q, tenant, now), d.ofPrograms(ctx, q, tenant, now), d.ofErased(ctx, q, tenant), d.ofGrants(ctx, q, tenant)) {
		if s.n == 0 {
			continue
		}
		if err := s.do(); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	}
	return nil
}

func (d *duties) ofPeople(ctx context.Context, q *db.Queries, tenant uuid.UUID, now time.Time) []statement {
	return []statement{
		{len(d.passwords.ids), func() error {
			n := d.passwords
			return q.NamePasswords(ctx, db.NamePasswordsParams{TenantID: tenant, Owners: n.owners, Ids: n.ids, Positions: n.positions})
		}},
		{len(d.oldPasswords.owners), func() error {
			r := d.oldPasswords
			return q.RetirePasswordsBefore(ctx, db.RetirePasswordsBeforeParams{TenantID: tenant, Owners: r.owners, Positions: r.positions, DeleteAfter: now.Add(retiredFor)})
		}},
		{len(d.totp.ids), func() error {
			n := d.totp
			return q.NameTOTPSecrets(ctx, db.NameTOTPSecretsParams{TenantID: tenant, Owners: n.owners, Ids: n.ids, Positions: n.positions})
		}},
		{len(d.oldTOTP.owners), func() error {
			r := d.oldTOTP
			return q.DeleteTOTPSecretsBefore(ctx, db.DeleteTOTPSecretsBeforeParams{TenantID: tenant, Owners: r.owners, Positions: r.positions})
		}},
		{len(d.codes.ids), func() error {
			n := d.codes
			return q.NameRecoveryCodes(ctx, db.NameRecoveryCodesParams{TenantID: tenant, Owners: n.owners, Ids: n.ids, Positions: n.positions})
		}},
		{len(d.oldCodes.owners), func() error {
			r := d.oldCodes
			return q.DeleteRecoveryCodesBefore(ctx, db.DeleteRecoveryCodesBeforeParams{TenantID: tenant, Owners: r.owners, Positions: r.positions})
		}},
		{len(d.passkeysAdded.ids), func() error {
			n := d.passkeysAdded
			return q.KeepPasskeyCredentials(ctx, db.KeepPasskeyCredentialsParams{TenantID: tenant, Owners: n.owners, Ids: n.ids})
		}},
		{len(d.passkeysRemoved.ids), func() error {
			n := d.passkeysRemoved
			return q.DeletePasskeyCredentials(ctx, db.DeletePasskeyCredentialsParams{TenantID: tenant, Owners: n.owners, Ids: n.ids})
		}},
		{len(d.passwordsSet.owners), func() error {
			r := d.passwordsSet
			return q.RevokeOneTimeTokensBefore(ctx, db.RevokeOneTimeTokensBeforeParams{TenantID: tenant, Owners: r.owners, Times: r.times, Purpose: resetLink})
		}},
		{len(d.sessionsEnded), func() error {
			return q.CloseBrowserSessions(ctx, db.CloseBrowserSessionsParams{TenantID: tenant, Ids: d.sessionsEnded})
		}},
		{len(d.signedOut.owners), func() error {
			r := d.signedOut
			return q.CloseBrowserSessionsBefore(ctx, db.CloseBrowserSessionsBeforeParams{TenantID: tenant, Owners: r.owners, Times: r.times})
		}},
	}
}

func (d *duties) ofPrograms(ctx context.Context, q *db.Queries, tenant uuid.UUID, now time.Time) []statement {
	return []statement{
		{len(d.keysCreated), func() error {
			return q.KeepAPIKeyHashes(ctx, db.KeepAPIKeyHashesParams{TenantID: tenant, Ids: d.keysCreated})
		}},
		{len(d.keysRevoked), func() error {
			return q.DeleteAPIKeyHashes(ctx, db.DeleteAPIKeyHashesParams{TenantID: tenant, Ids: d.keysRevoked})
		}},
		{len(d.secrets.ids), func() error {
			n := d.secrets
			return q.NameClientSecrets(ctx, db.NameClientSecretsParams{TenantID: tenant, Owners: n.owners, Ids: n.ids, Positions: n.positions})
		}},
		{len(d.oldSecrets.owners), func() error {
			r := d.oldSecrets
			return q.RetireClientSecretsBefore(ctx, db.RetireClientSecretsBeforeParams{TenantID: tenant, Owners: r.owners, Positions: r.positions, Untils: r.times})
		}},
		{len(d.ownersDeleted), func() error {
			return q.DeleteClientSecretsOfOwners(ctx, db.DeleteClientSecretsOfOwnersParams{TenantID: tenant, Owners: d.ownersDeleted})
		}},
		{len(d.providerSecrets.ids), func() error {
			n, last := d.providerSecrets, d.providerSecrets.last()
			if err := q.NameProviderSecrets(ctx, db.NameProviderSecretsParams{TenantID: tenant, Last: last}); err != nil {
				return err
			}
			return q.RetireProviderSecrets(ctx, db.RetireProviderSecretsParams{
				TenantID: tenant, Providers: n.owners, Last: last, Named: n.ids, DeleteAfter: now.Add(retiredFor),
			})
		}},
		{len(d.providersRemoved), func() error {
			return q.DeleteProviderSecretsOfProviders(ctx, db.DeleteProviderSecretsOfProvidersParams{TenantID: tenant, Providers: d.providersRemoved})
		}},
		{len(d.clientsDeleted), func() error {
			return q.DeleteOAuthConsentsOfClients(ctx, db.DeleteOAuthConsentsOfClientsParams{TenantID: tenant, Clients: d.clientsDeleted})
		}},
	}
}

// ofErased leaves nothing of people who are erased; their sessions and grants
// are ended with those of others.
func (d *duties) ofErased(ctx context.Context, q *db.Queries, tenant uuid.UUID) []statement {
	n := len(d.erased)
	return []statement{
		{n, func() error {
			return q.DeletePasswordsOfUsers(ctx, db.DeletePasswordsOfUsersParams{TenantID: tenant, Users: d.erased})
		}},
		{n, func() error {
			return q.DeleteTOTPSecretsOfUsers(ctx, db.DeleteTOTPSecretsOfUsersParams{TenantID: tenant, Users: d.erased})
		}},
		{n, func() error {
			return q.DeleteRecoveryCodesOfUsers(ctx, db.DeleteRecoveryCodesOfUsersParams{TenantID: tenant, Users: d.erased})
		}},
		{n, func() error {
			return q.DeletePasskeyCredentialsOfUsers(ctx, db.DeletePasskeyCredentialsOfUsersParams{TenantID: tenant, Users: d.erased})
		}},
		{n, func() error {
			return q.DeleteOneTimeTokensOfSubjects(ctx, db.DeleteOneTimeTokensOfSubjectsParams{TenantID: tenant, Subjects: d.erased})
		}},
		{n, func() error {
			return q.DeleteOAuthConsentsOfUsers(ctx, db.DeleteOAuthConsentsOfUsersParams{TenantID: tenant, Users: d.erased})
		}},
	}
}

// ofGrants ends access tokens, and grants with those that came from them.
func (d *duties) ofGrants(ctx context.Context, q *db.Queries, tenant uuid.UUID) []statement {
	now := time.Now()
	revoke := func(ids []uuid.UUID, err error) error {
		if err != nil || len(ids) == 0 {
			return err
		}
		return q.AddOAuthRevocations(ctx, db.AddOAuthRevocationsParams{TenantID: tenant, Ids: ids, Now: now, ExpiresAt: now.Add(revokedFor)})
	}
	return []statement{
		{len(d.tokens.holders), func() error { // clients and people are the system tenant's, and so is this list
			return q.EndOAuthTokensOf(ctx, db.EndOAuthTokensOfParams{
				TenantID: eventstore.SystemTenant, Holders: d.tokens.holders, Times: d.tokens.times, ExpiresAt: now.Add(revokedFor),
			})
		}},
		{len(d.sessionsEnded), func() error {
			return revoke(q.RevokeOAuthGrantsOfSessions(ctx, db.RevokeOAuthGrantsOfSessionsParams{TenantID: tenant, Ids: d.sessionsEnded, Now: now, Reason: "session ended"}))
		}},
		{len(d.signedOut.owners), func() error {
			r := d.signedOut
			return revoke(q.RevokeOAuthGrantsOfUsersBefore(ctx, db.RevokeOAuthGrantsOfUsersBeforeParams{TenantID: tenant, Owners: r.owners, Times: r.times, Now: now, Reason: "signed out everywhere"}))
		}},
		{len(d.clients), func() error {
			return revoke(q.RevokeOAuthGrantsOfClientsBefore(ctx, db.RevokeOAuthGrantsOfClientsBeforeParams{TenantID: tenant, Clients: d.clients, Times: d.clientsAt, Now: now, Reason: "client disabled or deleted"}))
		}},
	}
}
