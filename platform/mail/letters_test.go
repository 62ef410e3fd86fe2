package mail

import (
	"html"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const link = "https://tansu.example/auth/invite?token=AbC-_9&next=%2F"

var until = time.Date(2026, 3, 8, 14, 5, 0, 0, time.FixedZone("", 3600))

func TestLetters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		letter  interface{ Message() (Message, error) }
		subject string
		says    []string
	}{
		{Invitation{To: "a@b.example", Tenant: "Acme & Söhne", InvitedBy: "Ada", Link: link, ExpiresAt: until}, "Invitation to Acme & Söhne", []string{"Hello,", "Ada invites you to join Acme & Söhne."}},
		{Invitation{To: "a@b.example", Tenant: "Acme", Link: link, ExpiresAt: until}, "Invitation to Acme", []string{"You are invited to join Acme."}},
		{Verification{To: "a@b.example", Name: "Ada", Link: link, ExpiresAt: until}, "Confirm your e-mail address", []string{"Hello Ada,"}},
		{PasswordReset{To: "a@b.example", Link: link, ExpiresAt: until}, "Choose a new password", []string{"Hello,", "your password stays as it is"}},
		{SignInLink{To: "a@b.example", Name: "Ada", Link: link, ExpiresAt: until}, "Your sign-in link", []string{"works once"}},
	} {
		m, err := c.letter.Message()
		require.NoError(t, err)
		require.Equal(t, "a@b.example", m.To)
		require.Equal(t, c.subject, m.Subject)
		for _, want := range append(c.says, link, "8 March 2026, 13:05 UTC") {
			require.Contains(t, m.Text, want)
			require.Contains(t, html.UnescapeString(m.HTML), want)
		}
		require.Contains(t, m.HTML, `href="`+strings.ReplaceAll(link, "&", "&amp;")+`"`)
		require.NoError(t, m.check())
	}
}

func TestANoticeHasNoLinkThatEnds(t *testing.T) {
	t.Parallel()
	notice := SignInChanged{To: "a@b.example", Name: "Ada", At: until, Changes: []string{"A passkey was added.", "A new password was set."}, Link: "https://tansu.example/auth/security"}
	m, err := notice.Message()
	require.NoError(t, err)
	require.NoError(t, m.check())
	require.Equal(t, `Hello Ada,

On 8 March 2026, 13:05 UTC something was changed about how you sign in:

A passkey was added.

A new password was set.

See how you sign in:
https://tansu.example/auth/security

If it was you, there is nothing to do. If it was not you, and you know of nobody who did it for you, choose a new password at once, sign out wherever you do not know the session, and tell whoever runs this installation.
`, m.Text)
	require.Contains(t, m.HTML, "<p>A passkey was added.</p>")
	require.NotContains(t, m.HTML, "works until")
	notice.ByOther = true
	m, err = notice.Message()
	require.NoError(t, err)
	require.Contains(t, m.Text, "an administrator changed something")
}

func TestNamesStayNames(t *testing.T) {
	t.Parallel()
	m, err := Invitation{
		To: "a@b.example", Link: link, ExpiresAt: until, InvitedBy: "Eve\r\n\r\nClick here:\u202e\x00",
		Tenant: `<script>alert(1)</script>` + strings.Repeat("long ", 100),
	}.Message()
	require.NoError(t, err)
	require.NoError(t, m.check())
	require.NotContains(t, m.HTML, "<script")
	require.Contains(t, m.Text, "Eve Click here: invites you")
	require.Less(t, len(m.Subject), 150)
}

func TestLinksLeadToWebPages(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "javascript:alert(1)", "/auth/invite", "https:///x", "ftp://x.example/"} {
		_, err := SignInLink{To: "a@b.example", Link: bad, ExpiresAt: until}.Message()
		require.Error(t, err, bad)
	}
	_, err := SignInLink{To: "a@b.example", Link: link}.Message()
	require.ErrorContains(t, err, "until when")
}
