package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no such user or session.
var ErrNotFound = errors.New("there is no such user or session")

// User is a person as the events tell. Of an erased one only ids and times are
// left.
type User struct {
	ID             uuid.UUID
	Email          string
	Name           string
	EmailIndex     string // keyed hash of the normalised e-mail
	Verified       bool   // the e-mail
	Status         string
	DisabledReason string
	PasswordID     string // empty: none
	TOTPID         string // empty: no codes of an authenticator app are asked for
	RecoverySetID  string
	Passkeys       []user.Passkey
	Version        int64 // of the user's stream
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// HasTOTP reports whether signing in takes a code besides the password.
func (u User) HasTOTP() bool { return u.TOTPID != "" }

// Passkey finds one of the user's passkeys.
func (u User) Passkey(id uuid.UUID) (user.Passkey, bool) {
	i := slices.IndexFunc(u.Passkeys, func(k user.Passkey) bool { return k.ID == id.String() })
	if i < 0 {
		return user.Passkey{}, false
	}
	return u.Passkeys[i], true
}

// Directory answers queries. Safe for concurrent use.
type Directory struct{ queries *db.Queries }

// NewDirectory returns the users in a database.
func NewDirectory(tx db.DBTX) *Directory { return &Directory{db.New(tx)} }

// Get finds a user.
func (d *Directory) Get(ctx context.Context, id uuid.UUID) (User, error) {
	return found(d.queries.UserByID(ctx, db.UserByIDParams{TenantID: eventstore.SystemTenant, ID: id}))
}

// ByEmailIndex finds the user who has an e-mail.
func (d *Directory) ByEmailIndex(ctx context.Context, index string) (User, error) {
	if index == "" || !page.Storable(index) { // erased users have none
		return User{}, ErrNotFound
	}
	return found(d.queries.UserByEmailIndex(ctx, db.UserByEmailIndexParams{TenantID: eventstore.SystemTenant, EmailIndex: index}))
}

func found(row db.User, err error) (User, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, ErrNotFound
	}
	if err != nil {
		return User{}, fmt.Errorf("users: %w", err)
	}
	return fromRow(row)
}

// ByIDs finds several users at once, for lists that show who somebody is.
// Unknown ids are left out.
func (d *Directory) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]User, error) {
	rows, err := d.queries.UserRows(ctx, db.UserRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	users := make(map[uuid.UUID]User, len(rows))
	for _, r := range rows {
		if users[r.ID], err = fromRow(r); err != nil {
			return nil, err
		}
	}
	return users, nil
}

func fromRow(r db.User) (User, error) {
	u := User{
		ID: r.ID, Email: r.Email, Name: r.Name, EmailIndex: r.EmailIndex, Verified: r.Verified, Status: r.Status,
		DisabledReason: r.DisabledReason, PasswordID: r.PasswordID, TOTPID: r.TotpID, RecoverySetID: r.RecoverySetID,
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if err := json.Unmarshal(r.Passkeys, &u.Passkeys); err != nil {
		return u, fmt.Errorf("users: the passkeys of %s: %w", r.ID, err)
	}
	return u, nil
}
