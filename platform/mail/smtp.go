package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
)

const (
	submissionPort = 587
	smtpsPort      = 465
	// sendTimeout bounds one message, the connection included.
	sendTimeout = 30 * time.Second
)

var _ Mailer = (*SMTP)(nil)

// SMTPConfig says how to reach the mail server.
type SMTPConfig struct {
	// URL is smtp://user:password@host:587, which turns to TLS with STARTTLS (it
	// must if there is a password, and does if the server offers it), or
	// smtps://user:password@host:465. The ports shown are the defaults.
	URL string
	// From is the sender: an address, or "Name <address>".
	From string
}

// SMTP sends over a mail server, each message on a connection of its own.
type SMTP struct {
	host    string
	options []gomail.Option
	from    *mail.Address
}

// NewSMTP does not connect yet.
func NewSMTP(config SMTPConfig) (*SMTP, error) {
	from, err := mail.ParseAddress(config.From)
	if err != nil {
		return nil, fmt.Errorf("the sender of e-mails, %q: %w", config.From, err)
	}
	server, err := url.Parse(config.URL)
	if err != nil {
		return nil, errors.New("the URL of the mail server is malformed") // err would quote the password
	}
	s := &SMTP{host: server.Hostname(), from: from}
	if s.host == "" || strings.Trim(server.Path, "/") != "" || server.RawQuery != "" || server.Fragment != "" {
		return nil, errors.New("the URL of the mail server must be smtp://[user:password@]host[:port] or smtps://…")
	}
	password, hasPassword := server.User.Password()
	var port int
	switch server.Scheme {
	case "smtp":
		port = submissionPort
		policy := gomail.TLSOpportunistic
		if hasPassword {
			policy = gomail.TLSMandatory
		}
		s.options = append(s.options, gomail.WithTLSPolicy(policy))
	case "smtps":
		port = smtpsPort
		s.options = append(s.options, gomail.WithSSL())
	default:
		return nil, fmt.Errorf("the URL of the mail server begins with smtp:// or smtps://, not %s://", server.Scheme)
	}
	if text := server.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return nil, fmt.Errorf("the mail server's port %s", text)
		}
	}
	s.options = append(s.options, gomail.WithPort(port),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}))
	if hasPassword {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(server.User.Username()), gomail.WithPassword(password))
	}
	return s, nil
}

// Send implements Mailer.
func (s *SMTP) Send(ctx context.Context, message Message) error {
	if err := message.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	// The client keeps the state of its connection, so each message has its own.
	client, err := gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)], gomail.WithTimeout(time.Until(deadline)))...)
	if err != nil {
		return fmt.Errorf("preparing to send an e-mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, s.compose(message)); err != nil {
		return fmt.Errorf("sending an e-mail through %s: %w", s.host, err)
	}
	return nil
}

func (s *SMTP) compose(message Message) *gomail.Msg {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.from)
	m.ToMailAddress(&mail.Address{Address: message.To})
	m.Subject(message.Subject)
	m.SetDate()
	_, domain, _ := strings.Cut(s.from.Address, "@")
	id := message.ID
	if id == "" {
		id = uuid.NewString()
	}
	m.SetMessageIDWithValue(id + "@" + domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office replies (RFC 3834)
	m.SetBodyString(gomail.TypeTextPlain, message.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, message.HTML)
	return m
}
