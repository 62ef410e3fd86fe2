package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
)

func TestSecondFactors(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	id := f.newUser(t)
	before := len(f.types(t))
	_, err := f.EnableTOTP(ctx, request(id, commands.EnableTOTP{TOTPID: "t1", SetID: "s1"}))
	require.NoError(t, err)
	_, err = f.MakeRecoveryCodes(ctx, request(id, commands.MakeRecoveryCodes{SetID: "s2"}))
	require.NoError(t, err)
	_, err = f.AddPasskey(ctx, request(id, commands.AddPasskey{PasskeyID: "k1", Name: "Secret phone"}))
	require.NoError(t, err)
	_, err = f.RenamePasskey(ctx, request(id, commands.RenamePasskey{PasskeyID: "k1", Name: "Secret key"}))
	require.NoError(t, err)
	_, err = f.DisableTOTP(ctx, request(id, commands.DisableTOTP{}))
	require.NoError(t, err)
	_, err = f.RemovePasskey(ctx, request(id, commands.RemovePasskey{PasskeyID: "k1"}))
	require.NoError(t, err)
	_, err = f.AddPasskey(ctx, request(id, commands.AddPasskey{PasskeyID: "k2", Name: "Secret phone"}))
	require.NoError(t, err)
	r, err := f.ResetMFA(ctx, request(id, commands.ResetMFA{Reason: "lost it"}))
	require.NoError(t, err)
	require.Empty(t, r.State.Passkeys)
	require.Equal(t, []string{
		"user.totp_enabled", "user.recovery_codes_made", "user.recovery_codes_made", "user.passkey_added", "user.passkey_renamed",
		"user.totp_disabled", "user.passkey_removed", "user.passkey_added", "user.passkey_removed",
	}, f.types(t)[before:])
	events := f.events(t)
	for _, e := range events {
		require.NotContains(t, string(e.Data), "Secret", "event %s", e.Type)
	}
	require.Contains(t, string(events[len(events)-1].Metadata), "lost it")
}

// Whoever manages users takes lost factors away, but adds none in their place.
func TestWhoChangesSecondFactors(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	id := f.newUser(t)
	manager := commands.Caller{Actor: "user:2", Permissions: func(p string) bool { return p == "users.manage" }}
	self := commands.Caller{Actor: "user:" + id, Permissions: func(p string) bool { return p == "identity.self" }}

	enable := request(id, commands.EnableTOTP{TOTPID: "t1", SetID: "s1"})
	enable.Caller = manager
	_, err := f.EnableTOTP(ctx, enable)
	requireRefused(t, err, domain.KindForbidden, "forbidden")
	add := request(id, commands.AddPasskey{PasskeyID: "k1", Name: "Phone"})
	add.Caller = manager
	_, err = f.AddPasskey(ctx, add)
	requireRefused(t, err, domain.KindForbidden, "forbidden")
	enable.Caller = self
	_, err = f.EnableTOTP(ctx, enable)
	require.NoError(t, err)
	reset := request(id, commands.ResetMFA{Reason: "lost it"})
	reset.Caller = self
	_, err = f.ResetMFA(ctx, reset)
	requireRefused(t, err, domain.KindForbidden, "forbidden")
	reset.Caller = manager
	_, err = f.ResetMFA(ctx, reset)
	require.NoError(t, err)
}
