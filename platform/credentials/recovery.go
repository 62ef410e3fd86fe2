package credentials

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

const (
	// RecoveryCodes is how many codes a set has.
	RecoveryCodes = 10
	// recoveryChars of recoveryAlphabet are 50 random bits.
	recoveryChars    = 10
	recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// readRecovery undoes what people do to codes when they copy them by hand.
var readRecovery = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1")

// NewRecoveryCodes makes a set of codes such as 4k7qd-0xw2m, each of which stands
// once for the code of an authenticator app that is lost.
func NewRecoveryCodes() []string {
	codes := make([]string, RecoveryCodes)
	random := make([]byte, recoveryChars)
	for i := range codes {
		rand.Read(random)
		for j, b := range random {
			random[j] = recoveryAlphabet[b%byte(len(recoveryAlphabet))]
		}
		codes[i] = string(random[:recoveryChars/2]) + "-" + string(random[recoveryChars/2:])
	}
	return codes
}

// StoreRecoveryCodes stores a set of a user's under an id that an event is to
// name. It goes again by itself unless one does.
func (s *Store) StoreRecoveryCodes(ctx context.Context, user, set uuid.UUID, codes []string) error {
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i] = s.recoveryHash(user, set, code)
	}
	now := s.now()
	err := s.queries.AddRecoveryCodes(ctx, db.AddRecoveryCodesParams{
		TenantID: systemTenant, UserID: user, SetID: set, Hashes: hashes, CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing recovery codes %s: %w", set, err)
	}
	return nil
}

// DropRecoveryCodes removes a set whose command was refused.
func (s *Store) DropRecoveryCodes(ctx context.Context, user, set uuid.UUID) error {
	return s.queries.DropRecoveryCodes(ctx, db.DropRecoveryCodesParams{TenantID: systemTenant, UserID: user, SetID: set})
}

// UseRecoveryCode spends a code of the set that the user's events name. Of several
// callers at once exactly one succeeds.
func (s *Store) UseRecoveryCode(ctx context.Context, user, set uuid.UUID, code string) (bool, error) {
	rows, err := s.queries.UseRecoveryCode(ctx, db.UseRecoveryCodeParams{
		TenantID: systemTenant, UserID: user, SetID: set, Hash: s.recoveryHash(user, set, code), Now: s.now(),
	})
	if err != nil {
		return false, fmt.Errorf("using a recovery code of %s: %w", set, err)
	}
	return rows > 0, nil
}

// RecoveryCodesLeft counts the codes of a set that have not been used.
func (s *Store) RecoveryCodesLeft(ctx context.Context, user, set uuid.UUID) (int, error) {
	n, err := s.queries.CountRecoveryCodes(ctx, db.CountRecoveryCodesParams{TenantID: systemTenant, UserID: user, SetID: set})
	if err != nil {
		return 0, fmt.Errorf("counting recovery codes of %s: %w", set, err)
	}
	return int(n), nil
}

func (s *Store) recoveryHash(user, set uuid.UUID, code string) []byte {
	return s.digest("recovery code", []byte(readRecovery.Replace(strings.ToLower(code))), user, set)
}
