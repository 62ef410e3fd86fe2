package credentials_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/eventstore"
	credentialstore "tansu.cloud/platform/credentials"
)

var system = eventstore.SystemTenant

func TestWhatAnEventNamesStays(t *testing.T) {
	t.Parallel()
	e, acme := newEnv(t), uuid.New()
	user, password := e.user("ann@example.com")
	app, set := e.app(user)
	send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app.String(), SetID: set.String()})
	passkey, key, account, secret := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	require.NoError(t, e.secrets.StorePasskey(t.Context(), user, credentialstore.Passkey{ID: passkey, CredentialID: []byte("c")}))
	send(e, e.commands.AddPasskey, system, user, commands.AddPasskey{PasskeyID: passkey.String(), Name: "Phone"})
	text, hash, hint := credentialstore.NewAPIKey(acme, key)
	require.NoError(t, e.secrets.StoreAPIKey(t.Context(), acme, key, hash))
	send(e, e.commands.CreateAPIKey, acme, key, commands.CreateAPIKey{Name: "k", Permissions: []string{"events.read"}, Hint: hint})
	written := credentialstore.NewSecret()
	require.NoError(t, e.secrets.StoreSecret(t.Context(), acme, account, secret, written))
	send(e, e.commands.CreateServiceAccount, acme, account, commands.CreateServiceAccount{Name: "s", Roles: []string{"viewer"}, SecretID: secret.String()})
	// What no event names, beside them.
	_, hash, _ = credentialstore.NewAPIKey(acme, uuid.Nil)
	require.NoError(t, e.secrets.StoreAPIKey(t.Context(), acme, uuid.Nil, hash))
	require.NoError(t, e.secrets.SetPassword(t.Context(), user, uuid.Nil, "another-one-that-is-not-named"))

	e.catchUp(system)
	e.catchUp(acme)
	e.ahead += 365 * 24 * time.Hour
	require.NoError(t, e.secrets.Clean(t.Context()))
	require.Equal(t, map[string]bool{password.String(): false}, e.stored("passwords", "id"))
	require.Equal(t, map[string]bool{app.String(): false}, e.stored("totp_secrets", "id"))
	require.Equal(t, map[string]bool{set.String(): false}, e.stored("recovery_codes", "set_id"))
	require.Equal(t, map[string]bool{passkey.String(): false}, e.stored("passkey_credentials", "id"))
	require.Equal(t, map[string]bool{key.String(): false}, e.stored("api_key_hashes", "id"))
	require.Equal(t, map[string]bool{secret.String(): false}, e.stored("client_secrets", "id"))
	presented, err := credentialstore.ParseAPIKey(text)
	require.NoError(t, err)
	holds, err := e.secrets.VerifyAPIKey(t.Context(), presented)
	require.NoError(t, err)
	require.True(t, holds)
	holds, err = e.secrets.VerifySecret(t.Context(), acme, account, written)
	require.NoError(t, err)
	require.True(t, holds)
}

// What is ended is deleted, in whatever batches the saga reads.
func TestWhatAnEventEndsGoes(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 2, 1_000} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			t.Parallel()
			e, acme := newEnv(t), uuid.New()
			user, _ := e.user("ann@example.com")
			app, set := e.app(user)
			send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app.String(), SetID: set.String()})
			send(e, e.commands.DisableTOTP, system, user, commands.DisableTOTP{})
			app, set = e.app(user)
			send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app.String(), SetID: set.String()})
			set = uuid.New()
			require.NoError(t, e.secrets.StoreRecoveryCodes(t.Context(), user, set, credentialstore.NewRecoveryCodes()))
			send(e, e.commands.MakeRecoveryCodes, system, user, commands.MakeRecoveryCodes{SetID: set.String()})
			stays, goes := uuid.New(), uuid.New()
			for _, id := range []uuid.UUID{stays, goes} {
				require.NoError(t, e.secrets.StorePasskey(t.Context(), user, credentialstore.Passkey{ID: id, CredentialID: id[:]}))
				send(e, e.commands.AddPasskey, system, user, commands.AddPasskey{PasskeyID: id.String(), Name: "Phone"})
			}
			send(e, e.commands.RemovePasskey, system, user, commands.RemovePasskey{PasskeyID: goes.String()})
			password, _ := e.newPassword(user)
			head := send(e, e.commands.RenameUser, system, user, commands.RenameUser{Name: "M"}).Position
			e.apply(system, head, batch)
			require.Equal(t, map[string]bool{app.String(): false}, e.stored("totp_secrets", "id"))
			require.Equal(t, map[string]bool{set.String(): false}, e.stored("recovery_codes", "set_id"))
			require.Equal(t, map[string]bool{stays.String(): false}, e.stored("passkey_credentials", "id"))
			require.Len(t, e.stored("passwords", "id"), 2, "the former one goes in a day")
			e.ahead += 25 * time.Hour
			require.NoError(t, e.secrets.Clean(t.Context()))
			require.Equal(t, map[string]bool{password.String(): false}, e.stored("passwords", "id"))
			e.ahead -= 25 * time.Hour

			key, account := uuid.New(), uuid.New()
			require.NoError(t, e.secrets.StoreAPIKey(t.Context(), acme, key, [32]byte{1}))
			send(e, e.commands.CreateAPIKey, acme, key, commands.CreateAPIKey{Name: "k", Permissions: []string{"events.read"}, Hint: "abcd"})
			send(e, e.commands.RevokeAPIKey, acme, key, commands.RevokeAPIKey{})
			text := credentialstore.NewSecret()
			require.NoError(t, e.secrets.StoreSecret(t.Context(), acme, account, account, text))
			send(e, e.commands.CreateServiceAccount, acme, account, commands.CreateServiceAccount{Name: "s", Roles: []string{"viewer"}, SecretID: account.String()})
			send(e, e.commands.DisableServiceAccount, acme, account, commands.DisableServiceAccount{Reason: "test"})
			head = send(e, e.commands.EnableServiceAccount, acme, account, commands.EnableServiceAccount{}).Position
			e.apply(acme, head, batch)
			require.Empty(t, e.stored("api_key_hashes", "id"))
			require.Len(t, e.stored("client_secrets", "id"), 1)
			send(e, e.commands.DeleteServiceAccount, acme, account, commands.DeleteServiceAccount{})
			removed, left := e.provider(acme), e.provider(acme)
			send(e, e.commands.RemoveIdentityProvider, acme, removed, commands.RemoveIdentityProvider{})
			e.catchUp(acme)
			require.Empty(t, e.stored("client_secrets", "id"))
			require.Contains(t, e.stored("provider_secrets", "provider_id"), left.String())
			require.NotContains(t, e.stored("provider_secrets", "provider_id"), removed.String())
		})
	}
}

func TestRotatedSecretsEnd(t *testing.T) {
	t.Parallel()
	e, app := newEnv(t), uuid.New()
	var texts [4]string
	var positions [4]int64
	holds := func() (found []int) {
		for i, text := range texts {
			right, err := e.secrets.VerifySecret(t.Context(), system, app, text)
			require.NoError(t, err)
			if right {
				found = append(found, i)
			}
		}
		return found
	}
	for i := range texts {
		id := uuid.New()
		texts[i] = credentialstore.NewSecret()
		require.NoError(t, e.secrets.StoreSecret(t.Context(), system, app, id, texts[i]))
		if i == 0 {
			positions[i] = send(e, e.commands.RegisterClient, system, app, commands.RegisterClient{
				Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, SecretID: id.String(),
				Profile: client.Profile{Name: "App", RedirectURIs: []string{"https://a.example/cb"}, Grants: []string{client.GrantAuthorizationCode}},
			}).Position
			continue
		}
		overlap := []time.Duration{0, 24 * time.Hour, 0, time.Hour}[i]
		positions[i] = send(e, e.commands.RotateClientSecret, system, app, commands.RotateClientSecret{SecretID: id.String(), Overlap: overlap}).Position
	}
	require.Empty(t, holds(), "nobody has kept them")
	for i, want := range [][]int{{0}, {0, 1}, {2}, {2, 3}} {
		e.apply(system, positions[i], 1)
		require.Equal(t, want, holds())
	}
	e.ahead += 2 * time.Hour
	require.Equal(t, []int{3}, holds())
	require.NoError(t, e.secrets.Clean(t.Context()))
	require.Len(t, e.stored("client_secrets", "id"), 1)
	send(e, e.commands.DeleteClient, system, app, commands.DeleteClient{})
	e.catchUp(system)
	require.Empty(t, e.stored("client_secrets", "id"))
}

// The secret of an identity provider is the one that was named last, whenever the
// requests ended that brought them.
func TestSecretsOfProvidersFollowTheLog(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 1_000} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			t.Parallel()
			e, acme := newEnv(t), uuid.New()
			idp, other := e.provider(acme), e.provider(acme)
			var ids []uuid.UUID
			var head int64
			for i := range 3 {
				ids = append(ids, uuid.New())
				require.NoError(t, e.secrets.StoreProviderSecret(t.Context(), acme, idp, ids[i], fmt.Sprint(i)))
			}
			for _, i := range []int{1, 0} { // the last one stays unnamed
				head = send(e, e.commands.ChangeIdentityProviderSecret, acme, idp, commands.ChangeIdentityProviderSecret{SecretID: ids[i].String()}).Position
			}
			text, err := e.secrets.ProviderSecret(t.Context(), acme, idp, ids[0])
			require.NoError(t, err)
			require.Equal(t, "0", text, "before the saga comes to it")
			e.apply(acme, head, batch)
			e.ahead += 25 * time.Hour // a read model may be behind
			require.NoError(t, e.secrets.Clean(t.Context()))
			stored := e.stored("provider_secrets", "id")
			require.Len(t, stored, 3)
			require.Equal(t, []bool{false, true}, []bool{stored[ids[0].String()], stored[ids[2].String()]})
			require.NotContains(t, stored, ids[1].String())
			e.ahead += 365 * 24 * time.Hour
			require.NoError(t, e.secrets.Clean(t.Context()))
			require.Equal(t, map[string]bool{idp.String(): false, other.String(): false}, e.stored("provider_secrets", "provider_id"))
		})
	}
}

// A later event has decided already when the saga comes to an earlier one: what the
// later one named or opened is left alone.
func TestALateSagaLeavesWhatCameLater(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	user, _ := e.user("ann@example.com")
	_, grant, cookie := e.signIn(user, "tansu-cli")
	reset, err := e.secrets.Issue(t.Context(), credentialstore.ResetPassword, system, user, uuid.New(), time.Hour)
	require.NoError(t, err)
	second, at := e.newPassword(user)
	app, set := e.app(user)
	off := send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app.String(), SetID: set.String()}).Position

	// All of this is later than what the saga reads.
	third, _ := e.newPassword(user)
	send(e, e.commands.DisableTOTP, system, user, commands.DisableTOTP{})
	app2, set2 := e.app(user)
	send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app2.String(), SetID: set2.String()})
	_, grant2, cookie2 := e.signIn(user, "tansu-cli")
	fresh, err := e.secrets.Issue(t.Context(), credentialstore.ResetPassword, system, user, uuid.New(), time.Hour)
	require.NoError(t, err)

	e.apply(system, at, 1_000)
	require.False(t, e.stored("passwords", "id")[second.String()])
	require.Contains(t, e.stored("passwords", "id"), third.String())
	require.Equal(t, []bool{false, true}, []bool{e.live(cookie), e.live(cookie2)})
	require.Equal(t, []bool{false, true}, []bool{e.granted(grant), e.granted(grant2)})
	_, err = e.secrets.Peek(t.Context(), credentialstore.ResetPassword, reset)
	require.ErrorIs(t, err, credentialstore.ErrTokenUnknown)
	_, err = e.secrets.Peek(t.Context(), credentialstore.ResetPassword, fresh)
	require.NoError(t, err)
	e.apply(system, off, 1_000)
	require.Equal(t, map[string]bool{app.String(): false, app2.String(): true}, e.stored("totp_secrets", "id"))
	require.Equal(t, map[string]bool{set.String(): false, set2.String(): true}, e.stored("recovery_codes", "set_id"))

	e.catchUp(system)
	require.Equal(t, map[string]bool{app2.String(): false}, e.stored("totp_secrets", "id"))
	require.Equal(t, map[string]bool{set2.String(): false}, e.stored("recovery_codes", "set_id"))
	require.False(t, e.stored("passwords", "id")[third.String()])
	require.True(t, e.stored("passwords", "id")[second.String()])
	require.True(t, e.live(cookie2))
}

// What was stored last may be named first.
func TestTheLastEventCountsAndNotTheLastRow(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	user, _ := e.user("ann@example.com")
	early := uuid.New()
	require.NoError(t, e.secrets.SetPassword(t.Context(), user, early, "violet-tractor-91"))
	late, at := e.newPassword(user)
	send(e, e.commands.SetPassword, system, user, commands.SetPassword{PasswordID: early.String()})
	e.apply(system, at, 1_000)
	e.catchUp(system)
	require.False(t, e.stored("passwords", "id")[early.String()])
	require.True(t, e.stored("passwords", "id")[late.String()])
}

func TestSessionsAndGrantsEnd(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ann, _ := e.user("ann@example.com")
	bob, _ := e.user("bob@example.com")
	app := uuid.New()
	send(e, e.commands.RegisterClient, system, app, commands.RegisterClient{Type: client.Public, TokenEndpointAuth: client.AuthNone,
		Profile: client.Profile{Name: "App", RedirectURIs: []string{"https://a.example/cb"}, Grants: []string{client.GrantAuthorizationCode}}})
	session, one, cookie := e.signIn(ann, "tansu-cli")
	_, two, cookie2 := e.signIn(ann, app.String())
	_, three, cookie3 := e.signIn(bob, "tansu-cli")
	_, four, _ := e.signIn(bob, app.String())
	e.catchUp(system)
	holds := func() []bool { return []bool{e.granted(one), e.granted(two), e.granted(three), e.granted(four)} }
	require.Equal(t, []bool{true, true, true, true}, holds())

	send(e, e.commands.EndSession, system, session, commands.EndSession{Reason: "test"})
	e.catchUp(system)
	require.Equal(t, []bool{false, true, true, true}, holds())
	require.Equal(t, []bool{false, true, true}, []bool{e.live(cookie), e.live(cookie2), e.live(cookie3)})

	send(e, e.commands.DisableClient, system, app, commands.DisableClient{Reason: "test"})
	e.catchUp(system)
	require.Equal(t, []bool{false, false, true, false}, holds())
	require.True(t, e.live(cookie2), "the person is signed in here")
	send(e, e.commands.EnableClient, system, app, commands.EnableClient{})
	_, five, _ := e.signIn(bob, app.String())
	require.NoError(t, e.grants.Consent(t.Context(), bob, app.String(), system, []string{"openid"}))
	e.catchUp(system)
	require.True(t, e.granted(five))
	send(e, e.commands.DeleteClient, system, app, commands.DeleteClient{})
	e.catchUp(system)
	require.False(t, e.granted(five))
	consented, err := e.grants.Consented(t.Context(), bob, app.String(), system, []string{"openid"})
	require.NoError(t, err)
	require.False(t, consented)

	send(e, e.commands.DisableUser, system, bob, commands.DisableUser{Reason: "test"})
	e.catchUp(system)
	require.False(t, e.granted(three))
	require.Equal(t, []bool{true, false}, []bool{e.live(cookie2), e.live(cookie3)})
}

// Programs have no grants, and a new secret is no new grant: what they got ends by
// the time at which they got it.
func TestAccessTokensEnd(t *testing.T) {
	t.Parallel()
	e, acme := newEnv(t), uuid.New()
	app, account := uuid.New(), uuid.New()
	profile := client.Profile{Name: "App", RedirectURIs: []string{"https://a.example/cb"}, Grants: []string{client.GrantAuthorizationCode}, Scopes: []string{"api"}}
	send(e, e.commands.RegisterClient, system, app, commands.RegisterClient{
		Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, SecretID: uuid.NewString(), Profile: profile,
	})
	send(e, e.commands.CreateServiceAccount, acme, account, commands.CreateServiceAccount{Name: "s", Roles: []string{"viewer"}, SecretID: uuid.NewString()})
	// until says what of each ended, nil if nothing did.
	until := func() (of [2]*time.Time) {
		e.catchUp(system)
		e.catchUp(acme)
		all, err := e.grants.Revocations(t.Context())
		require.NoError(t, err)
		for i, holder := range []uuid.UUID{app, account} {
			if at, ended := all[holder.String()]; ended {
				of[i] = &at
			}
		}
		return of
	}
	rename := profile
	rename.Name = "Renamed"
	send(e, e.commands.ChangeClient, system, app, commands.ChangeClient{Profile: rename})
	send(e, e.commands.RotateClientSecret, system, app, commands.RotateClientSecret{SecretID: uuid.NewString(), Overlap: time.Minute})
	send(e, e.commands.RotateServiceAccountSecret, acme, account, commands.RotateServiceAccountSecret{SecretID: uuid.NewString(), Overlap: time.Minute})
	require.Equal(t, [2]*time.Time{}, until())

	at := e.now()
	send(e, e.commands.RotateClientSecret, system, app, commands.RotateClientSecret{SecretID: uuid.NewString()})
	send(e, e.commands.RotateServiceAccountSecret, acme, account, commands.RotateServiceAccountSecret{SecretID: uuid.NewString()})
	rotated := e.now() // and in the meantime a second may have begun
	for _, ended := range until() {
		require.False(t, ended.Before(at.Add(-2*time.Second)))
		require.True(t, ended.Before(rotated.Truncate(time.Second)), "what the new secret gets in this second lives")
	}
	at = e.now()
	narrow := profile
	narrow.Scopes = []string{"openid"}
	send(e, e.commands.ChangeClient, system, app, commands.ChangeClient{Profile: narrow})
	send(e, e.commands.DisableServiceAccount, acme, account, commands.DisableServiceAccount{Reason: "test"})
	narrowed := e.now()
	for _, ended := range until() {
		require.WithinRange(t, *ended, at.Truncate(time.Microsecond), narrowed)
	}
	send(e, e.commands.DeleteClient, system, app, commands.DeleteClient{})
	send(e, e.commands.DeleteServiceAccount, acme, account, commands.DeleteServiceAccount{})
	for _, ended := range until() {
		require.True(t, ended.After(at.Add(24*time.Hour)), "whatever comes")
	}
}

func TestNothingIsLeftOfAnErasedUser(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ann, _ := e.user("ann@example.com")
	bob, password := e.user("bob@example.com")
	for _, user := range []uuid.UUID{ann, bob} {
		app, set := e.app(user)
		send(e, e.commands.EnableTOTP, system, user, commands.EnableTOTP{TOTPID: app.String(), SetID: set.String()})
		require.NoError(t, e.secrets.StorePasskey(t.Context(), user, credentialstore.Passkey{ID: user, CredentialID: user[:]}))
		e.signIn(user, "tansu-cli")
		require.NoError(t, e.grants.Consent(t.Context(), user, "app", system, []string{"openid"}))
		_, err := e.secrets.Issue(t.Context(), credentialstore.SignIn, system, user, uuid.New(), time.Hour)
		require.NoError(t, err)
	}
	require.NoError(t, e.secrets.SetPassword(t.Context(), ann, uuid.New(), "of-a-command-that-comes-too-late"))
	send(e, e.commands.EraseUser, system, ann, commands.EraseUser{Reason: "asked"})
	var grant uuid.UUID
	require.NoError(t, e.pool.QueryRow(t.Context(), "SELECT id FROM oauth_grants WHERE user_id = $1", ann).Scan(&grant))
	cookie, err := e.secrets.OpenSession(t.Context(), uuid.New(), ann, time.Hour, time.Hour)
	require.NoError(t, err)
	e.catchUp(system)
	for _, table := range []string{"passwords", "totp_secrets", "recovery_codes", "passkey_credentials", "browser_sessions", "oauth_consents"} {
		owners := map[string]bool{}
		rows, err := e.pool.Query(t.Context(), "SELECT DISTINCT user_id::text FROM "+table)
		require.NoError(t, err)
		for rows.Next() {
			var owner string
			require.NoError(t, rows.Scan(&owner))
			owners[owner] = true
		}
		require.NoError(t, rows.Err())
		require.Equal(t, map[string]bool{bob.String(): true}, owners, table)
	}
	var subject uuid.UUID
	require.NoError(t, e.pool.QueryRow(t.Context(), "SELECT subject FROM one_time_tokens").Scan(&subject))
	require.Equal(t, bob, subject)
	require.False(t, e.granted(grant))
	require.False(t, e.live(cookie), "of a sign-in that came too late")
	require.False(t, e.stored("passwords", "id")[password.String()])
}
