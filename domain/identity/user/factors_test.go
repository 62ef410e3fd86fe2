package user_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/user"
)

var (
	totp  = user.TOTPEnabled{UserID: "u1", TOTPID: "t1", At: t1}
	codes = user.RecoveryCodesMade{UserID: "u1", SetID: "s1", At: t1}
	phone = user.PasskeyAdded{UserID: "u1", PasskeyID: "k1", Name: "Phone", At: t1}
)

func TestDecideOnFactors(t *testing.T) {
	t.Parallel()
	type events = []user.Event
	off := user.TOTPDisabled{UserID: "u1", Reason: "lost", At: t2}
	removed := user.PasskeyRemoved{UserID: "u1", PasskeyID: "k1", Reason: "sold", At: t2}
	full := events{registered}
	for i := range user.MaxPasskeys {
		full = append(full, user.PasskeyAdded{UserID: "u1", PasskeyID: fmt.Sprint("k", i), Name: "Key", At: t1})
	}
	requireDecisions(t, []decision{
		{"enable codes", events{registered}, user.EnableTOTP{TOTPID: "t1", SetID: "s1", At: t1}, events{totp, codes}, ""},
		{"enable the same", events{registered, totp, codes}, user.EnableTOTP{TOTPID: "t1", SetID: "s1", At: t2}, nil, ""},
		{"enable others", events{registered, totp, codes}, user.EnableTOTP{TOTPID: "t2", SetID: "s2", At: t2}, nil, "user.totp_enabled"},
		{"enable others afterwards", events{registered, totp, codes, off}, user.EnableTOTP{TOTPID: "t1", SetID: "s1", At: t1}, events{totp, codes}, ""},
		{"enable without a secret", events{registered}, user.EnableTOTP{SetID: "s1", At: t1}, nil, "user.command_invalid /totp_id required"},
		{"enable without a way back", events{registered}, user.EnableTOTP{TOTPID: "t1", At: t1}, nil, "user.command_invalid /set_id required"},
		{"enable while disabled", events{registered, disabled}, user.EnableTOTP{TOTPID: "t1", SetID: "s1", At: t2}, nil, "user.not_active"},
		{"enable for nobody", nil, user.EnableTOTP{TOTPID: "t1", SetID: "s1", At: t1}, nil, "user.not_found"},
		{"disable codes", events{registered, totp, codes}, user.DisableTOTP{Reason: " lost ", At: t2}, events{off}, ""},
		{"disable none", events{registered}, user.DisableTOTP{At: t2}, nil, ""},

		{"make recovery codes", events{registered, totp, codes}, user.MakeRecoveryCodes{SetID: "s2", At: t2}, events{user.RecoveryCodesMade{UserID: "u1", SetID: "s2", At: t2}}, ""},
		{"make the same", events{registered, totp, codes}, user.MakeRecoveryCodes{SetID: "s1", At: t2}, nil, ""},
		{"make some for nothing", events{registered}, user.MakeRecoveryCodes{SetID: "s1", At: t2}, nil, "user.totp_not_enabled"},
		{"make none", events{registered, totp, codes}, user.MakeRecoveryCodes{At: t2}, nil, "user.command_invalid /set_id required"},

		{"add a passkey", events{registered}, user.AddPasskey{PasskeyID: "k1", Name: " Phone ", At: t1}, events{phone}, ""},
		{"add it again", events{registered, phone}, user.AddPasskey{PasskeyID: "k1", Name: "Phone", At: t2}, nil, ""},
		{"add one too many", full, user.AddPasskey{PasskeyID: "k99", Name: "Phone", At: t2}, nil, "user.too_many_passkeys"},
		{"add one without a name", events{registered}, user.AddPasskey{PasskeyID: "k1", At: t1}, nil, "user.command_invalid /name required"},
		{"add one with a long name", events{registered}, user.AddPasskey{PasskeyID: "k1", Name: strings.Repeat("ä", 81), At: t1}, nil, "user.command_invalid /name too_long"},
		{"add one while disabled", events{registered, disabled}, user.AddPasskey{PasskeyID: "k1", Name: "Phone", At: t2}, nil, "user.not_active"},
		{"rename a passkey", events{registered, phone}, user.RenamePasskey{PasskeyID: "k1", Name: "Old phone ", At: t2}, events{user.PasskeyRenamed{UserID: "u1", PasskeyID: "k1", Name: "Old phone", At: t2}}, ""},
		{"rename to the same", events{registered, phone}, user.RenamePasskey{PasskeyID: "k1", Name: "Phone", At: t2}, nil, ""},
		{"rename to nothing", events{registered, phone}, user.RenamePasskey{PasskeyID: "k1", At: t2}, nil, "user.command_invalid /name required"},
		{"rename an unknown one", events{registered}, user.RenamePasskey{PasskeyID: "k1", Name: "Phone", At: t2}, nil, "user.passkey_not_found"},
		{"remove a passkey", events{registered, phone}, user.RemovePasskey{PasskeyID: "k1", Reason: "sold ", At: t2}, events{removed}, ""},
		{"remove it again", events{registered, phone, removed}, user.RemovePasskey{PasskeyID: "k1", At: t2}, nil, "user.passkey_not_found"},

		{"reset", events{registered, totp, codes, phone}, user.ResetMFA{Reason: "lost", At: t2}, events{off, user.PasskeyRemoved{UserID: "u1", PasskeyID: "k1", Reason: "lost", At: t2}}, ""},
		{"reset nothing", events{registered}, user.ResetMFA{Reason: "lost", At: t2}, nil, ""},
		{"reset without a reason", events{registered, totp, codes}, user.ResetMFA{At: t2}, nil, "user.command_invalid /reason required"},
		{"reset an erased one", events{registered, erased}, user.ResetMFA{Reason: "lost", At: t2}, nil, "user.erased"},
	})
}

func TestApplyFactors(t *testing.T) {
	t.Parallel()
	before := given(registered, totp, codes, phone, user.PasskeyAdded{UserID: "u1", PasskeyID: "k2", Name: "Key", At: t2})
	require.Equal(t, "t1", before.TOTPID)
	require.Equal(t, "s1", before.RecoverySetID)
	renamed := user.Apply(before, user.PasskeyRenamed{UserID: "u1", PasskeyID: "k1", Name: "Old phone", At: t2})
	require.Equal(t, []user.Passkey{{ID: "k1", Name: "Old phone", AddedAt: t1}, {ID: "k2", Name: "Key", AddedAt: t2}}, renamed.Passkeys)
	require.Equal(t, []user.Passkey{{ID: "k1", Name: "Phone", AddedAt: t1}, {ID: "k2", Name: "Key", AddedAt: t2}}, before.Passkeys, "the state before is another one")
	after := user.Apply(user.Apply(renamed, user.PasskeyRemoved{UserID: "u1", PasskeyID: "k1", At: t2}), user.TOTPDisabled{UserID: "u1", At: t2})
	require.Equal(t, []user.Passkey{{ID: "k2", Name: "Key", AddedAt: t2}}, after.Passkeys)
	require.Empty(t, after.TOTPID)
	require.Empty(t, after.RecoverySetID, "void with it")
	require.Equal(t, user.State{UserID: "u1", Status: user.StatusErased, CreatedAt: t0, UpdatedAt: t1}, user.Apply(before, erased))
}
