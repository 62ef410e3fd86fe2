// Package mail sends e-mail: over SMTP, or into a mailbox in memory that a
// developer looks at in the browser.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
)

// Message is an e-mail to one person, in plain text and in HTML.
type Message struct {
	// ID names the message: one that is sent again under the same ID is known as
	// the same to whoever gets it. Empty: a new one.
	ID      string
	To      string // an address, without a name
	Subject string
	Text    string
	HTML    string
}

// Mailer sends messages. Safe for concurrent use.
type Mailer interface {
	Send(ctx context.Context, message Message) error
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9.-]{0,100}$`)

// check refuses what must not reach a header.
func (m Message) check() error {
	address, err := mail.ParseAddress(m.To)
	if err != nil || address.Address != m.To {
		return fmt.Errorf("%q is not an e-mail address", m.To)
	}
	if !plainID.MatchString(m.ID) {
		return errors.New("the ID of an e-mail has letters, digits, dots and hyphens")
	}
	if m.Subject == "" || strings.ContainsFunc(m.Subject, unicode.IsControl) {
		return errors.New("the subject of an e-mail is one line of text")
	}
	return nil
}
