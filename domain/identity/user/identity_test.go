package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/user"
)

func TestIdentities(t *testing.T) {
	t.Parallel()
	type events = []user.Event
	identity := user.Identity{TenantID: "t1", ProviderID: "p1", Issuer: "https://login.example.com", Subject: "ann", Index: "x1"}
	linked := user.IdentityLinked{UserID: "u1", TenantID: "t1", ProviderID: "p1", Issuer: identity.Issuer, Subject: "ann", Index: "x1", At: t1}
	unlinked := user.IdentityUnlinked{UserID: "u1", TenantID: "t1", ProviderID: "p1", Index: "x1", At: t1}
	without := func(change func(*user.Identity)) user.Identity {
		i := identity
		change(&i)
		return i
	}
	many := events{registered}
	for i := range user.MaxIdentities {
		one := linked
		one.Index = string(rune('a' + i))
		many = append(many, one)
	}
	bare := user.Registered{UserID: "u1", Name: "Ann", At: t1}
	known := user.Registered{UserID: "u1", Email: "ann@example.com", EmailIndex: "i1", Name: "Ann", Verified: true, At: t1}
	requireDecisions(t, []decision{
		{"register from a provider", nil, user.Register{UserID: "u1", Email: "Ann@example.com", EmailIndex: "i1", Name: "Ann", Verified: true, Identity: &identity, At: t1},
			events{known, linked}, ""},
		{"register from a provider without an address", nil, user.Register{UserID: "u1", EmailIndex: "i1", Name: "Ann", Verified: true, Identity: &identity, At: t1},
			events{bare, linked}, ""},
		{"register without either", nil, user.Register{UserID: "u1", Name: "Ann", At: t1}, nil, "user.command_invalid /email required"},
		{"register from a provider with a wrong address", nil, user.Register{UserID: "u1", Email: "x", EmailIndex: "i1", Name: "Ann", Identity: &identity, At: t1},
			nil, "user.command_invalid /email malformed"},
		{"link", events{registered}, user.LinkIdentity{Identity: identity, At: t1}, events{linked}, ""},
		{"link again", events{registered, linked}, user.LinkIdentity{Identity: identity, At: t2}, nil, ""},
		{"link to a disabled user", events{registered, disabled}, user.LinkIdentity{Identity: identity, At: t2}, nil, "user.not_active"},
		{"link to an erased user", events{registered, erased}, user.LinkIdentity{Identity: identity, At: t2}, nil, "user.erased"},
		{"link too many", many, user.LinkIdentity{Identity: identity, At: t2}, nil, "user.too_many_identities"},
		{"link nobody", events{registered}, user.LinkIdentity{Identity: without(func(i *user.Identity) { i.Subject = "" }), At: t1}, nil, "user.command_invalid /subject required"},
		{"link without an index", events{registered}, user.LinkIdentity{Identity: without(func(i *user.Identity) { i.Index = "" }), At: t1}, nil, "user.command_invalid /index required"},
		{"unlink", events{registered, linked}, user.UnlinkIdentity{Index: "x1", At: t1}, events{unlinked}, ""},
		{"unlink nothing", events{registered}, user.UnlinkIdentity{Index: "x1", At: t1}, nil, "user.identity_not_found"},
		{"erase", events{registered, linked}, user.Erase{Reason: "asked to", At: t1}, events{unlinked, erased}, ""},
	})
	require.Empty(t, given(registered, linked, unlinked).Identities)
	require.Empty(t, given(registered, linked, unlinked, erased).Identities)
	require.Equal(t, t1, given(registered, linked).Identities[0].LinkedAt)
}
