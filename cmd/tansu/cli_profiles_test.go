package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreListedUsedAndRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		require.Contains(t, r.tansu(t.Context(), "profiles", "use", "nobody").stderr, "tansu login --profile nobody")
		r.tansu(t.Context(), "login", "--url", issuer, "--profile", "second").wantOK(t)
		golden(t, "profiles_list_table", r.tansu(t.Context(), "profiles", "list").wantOK(t).stdout)
		r.tansu(t.Context(), "profiles", "use", "tansu.example").wantOK(t)
		require.Equal(t, "tansu.example", profileInUse(t, r))

		r.tansu(t.Context(), "profiles", "remove", "tansu.example").wantOK(t)
		require.Equal(t, []string{"refresh-1"}, p.revoked)
		require.Empty(t, profileInUse(t, r))
		r.tansu(t.Context(), "whoami", "--profile", "second").wantOK(t)
		require.Equal(t, exitUsage, r.tansu(t.Context(), "profiles", "remove", "tansu.example").code)
		require.Equal(t, exitUsage, r.tansu(t.Context(), "whoami", "--profile", "tansu.example").code)
		require.Equal(t, exitUsage, r.tansu(t.Context(), "login", "--url", issuer, "--profile", "../evil").code)
		r.tansu(t.Context(), "login", "--url", issuer, "--profile", "profiles").wantOK(t)
	})
}

func profileInUse(t *testing.T, r *signInRig) string {
	t.Helper()
	var all []profileInfo
	require.NoError(t, json.Unmarshal([]byte(r.tansu(t.Context(), "profiles", "list", "-o", "json").wantOK(t).stdout), &all))
	for _, p := range all {
		if p.InUse {
			return p.Name
		}
	}
	return ""
}

func TestLogoutEndsTheSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		r.tansu(t.Context(), "logout").wantOK(t)
		require.Equal(t, []string{"refresh-1"}, p.revoked)
		require.Empty(t, r.ring.(*memoryKeyring).held)
		out := r.tansu(t.Context(), "whoami")
		require.Equal(t, exitAuth, out.code)
		require.Contains(t, out.stderr, "tansu login --url "+issuer)
		require.Contains(t, r.tansu(t.Context(), "whoami", "--profile", "tansu.example").stderr, "is signed out")
		r.tansu(t.Context(), "logout").wantOK(t)
		require.Len(t, p.revoked, 1)

		r.tansu(t.Context(), "login").wantOK(t)
		r.transport = direct{http.NotFoundHandler()}
		out = r.tansu(t.Context(), "logout")
		require.NotZero(t, out.code)
		require.Empty(t, r.ring.(*memoryKeyring).held, "forgotten here, whatever the server says")
		require.Contains(t, out.stderr, "removed here")
	})
}

func TestAProfilesTokenGoesToItsServerOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		for _, args := range [][]string{
			{"whoami", "--server", "https://other.example"}, {"whoami", "--server", "http://tansu.example"},
			{"whoami", "--server", "https://tansu.example:8443"}, {"whoami", "--server", "https://tansu.example/path"},
		} {
			require.NotZero(t, r.tansu(t.Context(), args...).code, args)
			require.Empty(t, p.requests[len(p.requests)-1].Header.Get("Authorization"), args)
		}
		r.tansu(t.Context(), "whoami", "--server", "https://TANSU.example:443/").wantOK(t)
		require.Equal(t, exitUsage, r.tansu(t.Context(), "whoami", "--profile", "tansu.example", "--server", "https://other.example").code)

		// A profile that was edited does not carry the tokens elsewhere.
		book := filepath.Join(r.dir, "tansu", "profiles.json")
		raw, err := os.ReadFile(book)
		require.NoError(t, err)
		var b profileBook
		require.NoError(t, json.Unmarshal(raw, &b))
		edited := b.Profiles["tansu.example"]
		edited.Server = "https://other.example"
		b.Profiles["tansu.example"] = edited
		raw, err = json.Marshal(b)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(book, raw, 0o600))
		require.Contains(t, r.tansu(t.Context(), "whoami").stderr, "is signed out")
		require.NoError(t, os.WriteFile(book, []byte("{"), 0o600))
		require.Contains(t, r.tansu(t.Context(), "whoami").stderr, "repair the file")
	})
}

func TestTokensOfTheEnvironmentGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		sent := func(args ...string) string {
			r.tansu(t.Context(), append([]string{"whoami"}, args...)...)
			return p.requests[len(p.requests)-1].Header.Get("Authorization")
		}
		require.Equal(t, "Bearer access-1", sent())
		r.env["TANSU_TOKEN"] = "env"
		require.Equal(t, "Bearer env", sent())
		require.Equal(t, "Bearer flag", sent("--token", "flag"))
		require.Equal(t, "Bearer access-1", sent("--profile", "tansu.example"))
		require.Equal(t, "Bearer flag", sent("--profile", "tansu.example", "--token", "flag"))
		require.Contains(t, r.tansu(t.Context(), "login").wantOK(t).stderr, "goes before profiles")
	})
}
