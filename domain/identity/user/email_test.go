package user_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/domain/identity/user"
)

func TestNormaliseEmail(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ada@example.com":           "ada@example.com",
		" Ada@EXAMPLE.com\n":        "ada@example.com",
		"a.b+c_d'e@sub.example.com": "a.b+c_d'e@sub.example.com",
		"root@localhost":            "root@localhost",
		"jürgen@exämple.de":         "jürgen@exämple.de",
		"ÄNNE@EXAMPLE.DE":           "änne@example.de",
		"a@1.2.3.4":                 "a@1.2.3.4",
		strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".de": strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".de",
	} {
		got, problems := user.NormaliseEmail(typed)
		require.Empty(t, problems, typed)
		require.Equal(t, want, got)
	}
	for typed, code := range map[string]string{
		"": "required", "  ": "required", "ada": "malformed", "@example.com": "malformed", "ada@": "malformed",
		"a@b@c.de": "malformed", "a b@c.de": "malformed", "a@b c.de": "malformed", ".a@c.de": "malformed", "a.@c.de": "malformed",
		"a..b@c.de": "malformed", "a@c..de": "malformed", "a@.de": "malformed", "a@de.": "malformed", "a@-c.de": "malformed",
		"a@c-.de": "malformed", `"a b"@c.de`: "malformed", "a@[1.2.3.4]": "malformed", "Ada <a@c.de>": "malformed", "a,b@c.de": "malformed",
		"a\r\nBcc: x@c.de": "malformed", "a\x00@c.de": "malformed", "a\u00a0b@c.de": "malformed", "a@c\u202ed.de": "malformed", "\xff@c.de": "invalid_characters",
		strings.Repeat("a", 65) + "@c.de": "too_long", "a@" + strings.Repeat("b.", 130) + "de": "too_long", "a@" + strings.Repeat("b", 64) + ".de": "malformed",
	} {
		got, problems := user.NormaliseEmail(typed)
		require.Empty(t, got)
		require.Len(t, problems, 1, "%q", typed)
		require.Equal(t, "/email "+code, problems[0].Field+" "+problems[0].Code, "%q", typed)
	}
}

// TestNormalIsNormal: normalising twice changes nothing, or one person could
// register twice.
func TestNormalIsNormal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z.ſİKé]{1,8}@[A-Za-z.İK-]{1,8}`)).Draw(t, "typed")
		once, problems := user.NormaliseEmail(typed)
		require.Equal(t, len(problems) == 0, once != "")
		if once == "" {
			return
		}
		require.LessOrEqual(t, len(once), user.MaxEmail)
		twice, problems := user.NormaliseEmail(once)
		require.Empty(t, problems)
		require.Equal(t, once, twice)
	})
}
