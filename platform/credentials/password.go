package credentials

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"tansu.cloud/sql/db"
)

const (
	// maxPasswordBytes holds maxPasswordChars of any script.
	maxPasswordBytes = 4 * maxPasswordChars
)

// ErrPasswordTooLong is returned by SetPassword for what CheckPassword refuses.
var ErrPasswordTooLong = errors.New("the password is too long")

// SetPassword stores a user's password under an id that an event is to name. It
// goes again by itself unless one does.
func (s *Store) SetPassword(ctx context.Context, user, id uuid.UUID, password string) error {
	if len(password) > maxPasswordBytes {
		return ErrPasswordTooLong
	}
	hash, err := s.argon.hash(ctx, norm.NFKC.String(password))
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	now := s.now()
	err = s.queries.AddPassword(ctx, db.AddPasswordParams{
		TenantID: systemTenant, UserID: user, ID: id, Wrapped: s.wrap.Seal(nil, nil, []byte(hash), passwordRow(user, id)),
		CreatedAt: now, DeleteAfter: now.Add(unnamedFor),
	})
	if err != nil {
		return fmt.Errorf("storing password %s: %w", id, err)
	}
	return nil
}

// DropPassword removes a password whose command was refused.
func (s *Store) DropPassword(ctx context.Context, user, id uuid.UUID) error {
	return s.queries.DropPassword(ctx, db.DropPasswordParams{TenantID: systemTenant, UserID: user, ID: id})
}

// VerifyPassword reports whether this is the user's password of that id, the one
// that the user's events name. It does the same work for a user who is not known
// or has no password (id uuid.Nil). Waits for a free CPU until ctx ends.
func (s *Store) VerifyPassword(ctx context.Context, user, id uuid.UUID, password string) (bool, error) {
	wrapped, err := s.queries.Password(ctx, db.PasswordParams{TenantID: systemTenant, UserID: user, ID: id})
	known := true
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		known = false
	case err != nil:
		return false, fmt.Errorf("reading password %s: %w", id, err)
	}
	stored := s.argon.decoy
	if known {
		opened, err := s.wrap.Open(nil, nil, wrapped, passwordRow(user, id))
		if err != nil {
			return false, fmt.Errorf("password %s does not open with this server's key: %w", id, err)
		}
		stored = string(opened)
	}
	tooLong := len(password) > maxPasswordBytes
	if tooLong {
		password = ""
	}
	same, err := s.argon.verify(ctx, stored, norm.NFKC.String(password))
	if err != nil {
		return false, fmt.Errorf("verifying password %s: %w", id, err)
	}
	if !same || !known || tooLong {
		return false, nil
	}
	return true, nil
}

func passwordRow(user, id uuid.UUID) []byte {
	return append(append(systemTenant[:], user[:]...), id[:]...)
}
