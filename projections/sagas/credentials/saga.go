// Package credentials keeps the secrets beside the log in step with the log. What
// an event names is stored before it, with a date at which it goes by itself; the
// saga [New] lifts that date. What an event ends, it deletes or revokes. So neither
// is lost with a process that dies after the commit, and those who send commands
// need not see to it.
//
// It writes in the transaction that moves its checkpoint. Secrets that replace one
// another carry the position of the event that named them, and an event ends only
// what stands before it in the log, however late it is applied.
package credentials

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/projections"
	"tansu.cloud/sql/db"
)

// Name of the saga.
const Name = "credential_upkeep"

// New returns the saga.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, Saga: true, EveryTenant: true, Apply: apply,
		Types: []string{
			user.PasswordSet{}.EventType(), user.TOTPEnabled{}.EventType(), user.TOTPDisabled{}.EventType(), user.RecoveryCodesMade{}.EventType(),
			user.PasskeyAdded{}.EventType(), user.PasskeyRemoved{}.EventType(), user.Disabled{}.EventType(), user.Erased{}.EventType(),
			session.Ended{}.EventType(),
			apikey.Created{}.EventType(), apikey.Revoked{}.EventType(),
			serviceaccount.Created{}.EventType(), serviceaccount.SecretRotated{}.EventType(),
			serviceaccount.Disabled{}.EventType(), serviceaccount.Deleted{}.EventType(),
			provider.Added{}.EventType(), provider.SecretChanged{}.EventType(), provider.Removed{}.EventType(),
			client.Registered{}.EventType(), client.Changed{}.EventType(), client.SecretRotated{}.EventType(), client.Disabled{}.EventType(), client.Deleted{}.EventType(),
		},
	}
}

func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	var d duties
	for _, c := range changes {
		d.add(c)
	}
	last := changes[len(changes)-1].Event
	return d.write(ctx, db.New(tx), last.TenantID, last.RecordedAt)
}

// named are secrets that events name.
type named struct {
	owners, ids []uuid.UUID
	positions   []int64
}

func (n *named) add(owner, id string, position int64) {
	n.owners, n.ids, n.positions = append(n.owners, parse(owner)), append(n.ids, parse(id)), append(n.positions, position)
}

// last lists the secret of each owner that was named last.
func (n *named) last() []uuid.UUID {
	of := map[uuid.UUID]uuid.UUID{}
	for i, owner := range n.owners {
		of[owner] = n.ids[i]
	}
	return slices.Collect(maps.Values(of))
}

// replaced says of whom what was named before a position counts no more; with
// times, from then on.
type replaced struct {
	owners    []uuid.UUID
	positions []int64
	times     []time.Time
}

func (r *replaced) add(owner string, position int64, at time.Time) {
	r.owners, r.positions, r.times = append(r.owners, parse(owner)), append(r.positions, position), append(r.times, at)
}

// ended says whose access tokens have ended that were issued by a time, to the
// second.
type ended struct {
	holders []string // ids of clients and service accounts
	times   []time.Time
}

func (n *ended) add(holder string, at time.Time) {
	n.holders, n.times = append(n.holders, holder), append(n.times, at)
}

// rotated ends what may have been got with a secret that counts no more. Where both
// secrets count for a while, nobody means to shut anybody out. What the new secret
// gets in the same second lives.
func (n *ended) rotated(holder string, at, previousUntil time.Time) {
	if !previousUntil.After(at) {
		n.add(holder, at.Truncate(time.Second).Add(-time.Second))
	}
}

// scopeAPI is what a client needs to call the API for people.
const scopeAPI = "api"

// parse returns nil for a text that is no UUID: such a one names nothing stored.
func parse(text string) uuid.UUID {
	id, _ := uuid.Parse(text)
	return id
}

// duties are what a batch of events asks for.
type duties struct {
	passwords, totp, codes, secrets, providerSecrets       named
	oldPasswords, oldTOTP, oldCodes, oldSecrets            replaced
	passkeysAdded, passkeysRemoved                         named
	keysCreated, keysRevoked, sessionsEnded, ownersDeleted []uuid.UUID
	providersRemoved                                       []uuid.UUID
	signedOut, passwordsSet                                replaced // sessions and grants, links; from before the times
	clients, clientsDeleted                                []string
	clientsAt                                              []time.Time
	tokens                                                 ended
	erased                                                 []uuid.UUID
}

// ever is later than whatever was stored.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (d *duties) add(c projections.Change) {
	at := c.Event.Position
	switch e := c.Payload.(type) {
	case user.PasswordSet:
		d.passwords.add(e.UserID, e.PasswordID, at)
		d.oldPasswords.add(e.UserID, at, e.At)
		// Whoever had the password before may be in, or have asked for a link.
		d.signedOut.add(e.UserID, at, e.At)
		d.passwordsSet.add(e.UserID, at, e.At)
	case user.TOTPEnabled:
		d.totp.add(e.UserID, e.TOTPID, at)
		d.oldTOTP.add(e.UserID, at, e.At)
	case user.TOTPDisabled:
		d.oldTOTP.add(e.UserID, at, e.At)
		d.oldCodes.add(e.UserID, at, e.At)
	case user.RecoveryCodesMade:
		d.codes.add(e.UserID, e.SetID, at)
		d.oldCodes.add(e.UserID, at, e.At)
	case user.PasskeyAdded:
		d.passkeysAdded.add(e.UserID, e.PasskeyID, at)
	case user.PasskeyRemoved:
		d.passkeysRemoved.add(e.UserID, e.PasskeyID, at)
	case user.Disabled:
		d.signedOut.add(e.UserID, at, e.At)
	case user.Erased:
		d.signedOut.add(e.UserID, at, ever)
		d.erased = append(d.erased, parse(e.UserID))
	case session.Ended:
		d.sessionsEnded = append(d.sessionsEnded, parse(e.SessionID))
	default:
		d.addPrograms(c)
	}
}

// addPrograms is add for what programs hold.
func (d *duties) addPrograms(c projections.Change) {
	at := c.Event.Position
	switch e := c.Payload.(type) {
	case apikey.Created:
		d.keysCreated = append(d.keysCreated, parse(e.ID))
	case apikey.Revoked:
		d.keysRevoked = append(d.keysRevoked, parse(e.ID))
	case provider.Added:
		d.providerSecrets.add(e.ID, e.SecretID, at)
	case provider.SecretChanged:
		d.providerSecrets.add(e.ID, e.SecretID, at)
	case provider.Removed:
		d.providersRemoved = append(d.providersRemoved, parse(e.ID))
	case serviceaccount.Created:
		d.secrets.add(e.ID, e.SecretID, at)
	case serviceaccount.SecretRotated:
		d.secrets.add(e.ID, e.SecretID, at)
		d.oldSecrets.add(e.ID, at, e.PreviousUntil)
		d.tokens.rotated(e.ID, e.At, e.PreviousUntil)
	case serviceaccount.Disabled:
		d.tokens.add(e.ID, e.At)
	case serviceaccount.Deleted:
		d.tokens.add(e.ID, ever)
		d.ownersDeleted = append(d.ownersDeleted, parse(e.ID))
	case client.Registered:
		d.secrets.add(e.ID, e.SecretID, at)
	case client.SecretRotated:
		d.secrets.add(e.ID, e.SecretID, at)
		d.oldSecrets.add(e.ID, at, e.PreviousUntil)
		d.tokens.rotated(e.ID, e.At, e.PreviousUntil)
	case client.Changed:
		if !slices.Contains(e.Scopes, scopeAPI) { // and perhaps it was before
			d.tokens.add(e.ID, e.At)
		}
	case client.Disabled:
		d.tokens.add(e.ID, e.At)
		d.clients, d.clientsAt = append(d.clients, e.ID), append(d.clientsAt, e.At)
	case client.Deleted:
		d.tokens.add(e.ID, ever)
		d.clients, d.clientsAt = append(d.clients, e.ID), append(d.clientsAt, ever)
		d.clientsDeleted, d.ownersDeleted = append(d.clientsDeleted, e.ID), append(d.ownersDeleted, parse(e.ID))
	}
}
