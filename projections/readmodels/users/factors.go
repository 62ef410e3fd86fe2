package users

import (
	"encoding/json"
	"fmt"
	"slices"

	"tansu.cloud/domain/identity/user"
	"tansu.cloud/projections"
	"tansu.cloud/sql/db"
)

var noPasskeys = json.RawMessage("[]")

// foldFactors is foldUser for what people sign in with besides the password.
func foldFactors(row *db.User, c projections.Change) (*db.User, error) {
	var err error
	switch e := c.Payload.(type) {
	case user.IdentityLinked: // stands in a table of its own
		row.UpdatedAt = e.At
	case user.IdentityUnlinked:
		row.UpdatedAt = e.At
	case user.TOTPEnabled:
		row.TotpID, row.UpdatedAt = e.TOTPID, e.At
	case user.TOTPDisabled:
		row.TotpID, row.RecoverySetID, row.UpdatedAt = "", "", e.At
	case user.RecoveryCodesMade:
		row.RecoverySetID, row.UpdatedAt = e.SetID, e.At
	case user.PasskeyAdded:
		row.UpdatedAt = e.At
		err = changePasskeys(row, func(keys []user.Passkey) []user.Passkey {
			return append(keys, user.Passkey{ID: e.PasskeyID, Name: e.Name, AddedAt: e.At})
		})
	case user.PasskeyRenamed:
		row.UpdatedAt = e.At
		err = changePasskeys(row, func(keys []user.Passkey) []user.Passkey {
			for i := range keys {
				if keys[i].ID == e.PasskeyID {
					keys[i].Name = e.Name
				}
			}
			return keys
		})
	case user.PasskeyRemoved:
		row.UpdatedAt = e.At
		err = changePasskeys(row, func(keys []user.Passkey) []user.Passkey {
			return slices.DeleteFunc(keys, func(k user.Passkey) bool { return k.ID == e.PasskeyID })
		})
	default:
		err = fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, err
}

func changePasskeys(row *db.User, change func([]user.Passkey) []user.Passkey) error {
	var keys []user.Passkey
	err := json.Unmarshal(row.Passkeys, &keys)
	if err != nil {
		return err
	}
	row.Passkeys, err = json.Marshal(change(keys))
	return err
}
