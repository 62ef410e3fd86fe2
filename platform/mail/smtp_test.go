package mail

import (
	"context"
	"crypto/tls"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/stretchr/testify/require"
)

var sample = Message{
	To: "ada@example.com", Subject: "Grüße aus Tansu", Text: "Hello,\n.\nä line and a dot.\n", HTML: "<p>Hello, <b>ä</b></p>",
}

// sender returns an SMTP that trusts the fake server.
func sender(t *testing.T, url string, f *fakeSMTP) *SMTP {
	t.Helper()
	s, err := NewSMTP(SMTPConfig{URL: url, From: "Tansu <no-reply@tansu.example>"})
	require.NoError(t, err)
	s.options = append(s.options, gomail.WithTLSConfig(&tls.Config{RootCAs: f.roots, ServerName: s.host, MinVersion: tls.VersionTLS12}))
	return s
}

func TestSMTPDelivers(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, false, func(f *fakeSMTP) { f.startTLS = true })
	require.NoError(t, sender(t, "smtp://ada:s3cret%3A%40%2F@"+f.address(), f).Send(t.Context(), sample))
	got := <-f.deliveries
	require.True(t, got.encrypted)
	require.Equal(t, "|ada|s3cret:@/", got.auth)
	require.Contains(t, got.from, "<no-reply@tansu.example>")
	require.Equal(t, "TO:<ada@example.com>", got.to)

	received, err := mail.ReadMessage(strings.NewReader(got.data))
	require.NoError(t, err)
	header := received.Header
	require.Equal(t, `"Tansu" <no-reply@tansu.example>`, header.Get("From"))
	require.Equal(t, "<ada@example.com>", header.Get("To"))
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, sample.Subject, subject)
	require.Equal(t, "auto-generated", header.Get("Auto-Submitted"))
	require.Regexp(t, `^<[0-9a-f-]{36}@tansu\.example>$`, header.Get("Message-ID"))
	_, err = header.Date()
	require.NoError(t, err)

	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(received.Body, params["boundary"])
	for _, want := range []struct{ kind, body string }{{"text/plain", sample.Text}, {"text/html", sample.HTML}} {
		part, err := parts.NextRawPart()
		require.NoError(t, err)
		require.Equal(t, want.kind+"; charset=UTF-8", part.Header.Get("Content-Type"))
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		require.Equal(t, want.body, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
}

func TestSMTPWithImplicitTLS(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, true, nil)
	require.NoError(t, sender(t, "smtps://ada:s3cret%3A%40%2F@"+f.address(), f).Send(t.Context(), sample))
	require.True(t, (<-f.deliveries).encrypted)
}

func TestSMTPWithoutPassword(t *testing.T) {
	t.Parallel()
	plain := startFakeSMTP(t, false, nil)
	require.NoError(t, sender(t, "smtp://"+plain.address(), plain).Send(t.Context(), sample))
	got := <-plain.deliveries
	require.False(t, got.encrypted)
	require.Empty(t, got.auth)
	offering := startFakeSMTP(t, false, func(f *fakeSMTP) { f.startTLS = true })
	require.NoError(t, sender(t, "smtp://"+offering.address(), offering).Send(t.Context(), sample))
	require.True(t, (<-offering.deliveries).encrypted, "encrypted if it can be")
}

func TestSMTPGivesNoPasswordInTheClear(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, false, nil)
	require.Error(t, sender(t, "smtp://ada:s3cret%3A%40%2F@"+f.address(), f).Send(t.Context(), sample))
	require.Empty(t, f.deliveries)

	strangers := startFakeSMTP(t, true, nil)
	s, err := NewSMTP(SMTPConfig{URL: "smtps://ada:s3cret%3A%40%2F@" + strangers.address(), From: "a@b.example"})
	require.NoError(t, err)
	require.ErrorContains(t, s.Send(t.Context(), sample), "certificate")
}

func TestSMTPTellsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, false, func(f *fakeSMTP) { f.refuse = "550 5.1.1 no such user" })
	require.ErrorContains(t, sender(t, "smtp://"+f.address(), f).Send(t.Context(), sample), "no such user")
	wrong := startFakeSMTP(t, true, nil)
	err := sender(t, "smtps://ada:wr0ng@"+wrong.address(), wrong).Send(t.Context(), sample)
	require.ErrorContains(t, err, "535")
	require.NotContains(t, err.Error(), "wr0ng")
}

func TestSMTPEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	s, err := NewSMTP(SMTPConfig{URL: "smtp://" + silent.Addr().String(), From: "a@b.example"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.Error(t, s.Send(ctx, sample))
	require.Less(t, time.Since(began), sendTimeout/2)
}

func TestSMTPSendsAtOnce(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, false, func(f *fakeSMTP) { f.startTLS = true })
	s := sender(t, "smtp://ada:s3cret%3A%40%2F@"+f.address(), f)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Send(t.Context(), sample); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	require.Len(t, f.deliveries, 8)
}

func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	f := startFakeSMTP(t, false, nil)
	s, box := sender(t, "smtp://"+f.address(), f), NewMailbox()
	for name, bad := range map[string]Message{
		"subject":     {To: "a@b.example", Subject: "x\r\nBcc: eve@evil.example"},
		"no subject":  {To: "a@b.example"},
		"address":     {To: "a@b.example\r\nBcc: eve@evil.example", Subject: "x"},
		"two":         {To: "a@b.example, eve@evil.example", Subject: "x"},
		"with a name": {To: "A <a@b.example>", Subject: "x"},
		"nobody":      {Subject: "x"},
	} {
		require.Error(t, s.Send(t.Context(), bad), name)
		require.Error(t, box.Send(t.Context(), bad), name)
	}
	require.Empty(t, f.deliveries)
	require.Empty(t, box.Messages())
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "mail.example", "http://mail.example", "smtp://", "smtp://u:hunter2@mail.example:0", "smtp://u:hunter2@mail.example:70000",
		"smtp://u:hunter2@mail.example/x", "smtp://u:hunter2@mail.example?tls=off", "smtp://u:hunter2@mail.example:x", "smtp://u:hunter2%zz@mail.example",
	} {
		_, err := NewSMTP(SMTPConfig{URL: bad, From: "a@b.example"})
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := NewSMTP(SMTPConfig{URL: "smtp://mail.example", From: "nobody"})
	require.ErrorContains(t, err, "nobody")
}
