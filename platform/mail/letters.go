package mail

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
)

//go:embed templates
var files embed.FS

var (
	textLayout = texttemplate.Must(texttemplate.ParseFS(files, "templates/letter.txt"))
	htmlLayout = template.Must(template.ParseFS(files, "templates/letter.html"))
)

// maxName keeps a name that somebody chose for a sentence from being a message
// of its own.
const maxName = 80

// letter is what all our messages consist of.
type letter struct {
	To, Subject, Greeting string
	Lines                 []string
	Action, Link          string
	ExpiresAt             time.Time // of the link
	Lasting               bool      // the link always works
	Unasked               string    // for a reader who has not asked for it
}

// Expires is when the link stops to work.
func (l letter) Expires() string { return shown(l.ExpiresAt) }

func shown(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

func (l letter) message() (Message, error) {
	link, err := url.Parse(l.Link)
	if err != nil || (link.Scheme != "https" && link.Scheme != "http") || link.Host == "" {
		return Message{}, errors.New("the link of an e-mail must be an absolute one to a web page")
	}
	if l.ExpiresAt.IsZero() && !l.Lasting {
		return Message{}, errors.New("an e-mail with a link must say until when it works")
	}
	var text, html strings.Builder
	if err := textLayout.Execute(&text, l); err != nil {
		return Message{}, fmt.Errorf("composing an e-mail: %w", err)
	}
	if err := htmlLayout.Execute(&html, l); err != nil {
		return Message{}, fmt.Errorf("composing an e-mail: %w", err)
	}
	return Message{To: l.To, Subject: l.Subject, Text: text.String(), HTML: html.String()}, nil
}

// name makes one short line of what people call themselves and their tenants.
func name(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
	line := []rune(strings.Join(strings.Fields(plain), " "))
	if len(line) > maxName {
		line = append(line[:maxName-1], '…')
	}
	return string(line)
}

func greeting(who string) string {
	if who = name(who); who == "" {
		return "Hello,"
	}
	return "Hello " + who + ","
}

// Invitation asks somebody to join a tenant. InvitedBy may be empty.
type Invitation struct {
	To, Tenant, InvitedBy, Link string
	ExpiresAt                   time.Time
}

func (i Invitation) Message() (Message, error) {
	line := fmt.Sprintf("You are invited to join %s.", name(i.Tenant))
	if by := name(i.InvitedBy); by != "" {
		line = fmt.Sprintf("%s invites you to join %s.", by, name(i.Tenant))
	}
	return letter{
		To: i.To, Subject: "Invitation to " + name(i.Tenant), Greeting: greeting(""), Lines: []string{line},
		Action: "Accept the invitation", Link: i.Link, ExpiresAt: i.ExpiresAt,
		Unasked: "If you do not know what this is about, ignore this e-mail: nothing happens.",
	}.message()
}

// Verification asks whether an address is really the reader's. Name may be
// empty, here and below.
type Verification struct {
	To, Name, Link string
	ExpiresAt      time.Time
}

func (v Verification) Message() (Message, error) {
	return letter{
		To: v.To, Subject: "Confirm your e-mail address", Greeting: greeting(v.Name),
		Lines:  []string{"Please confirm that this e-mail address is yours."},
		Action: "Confirm the address", Link: v.Link, ExpiresAt: v.ExpiresAt,
		Unasked: "If you have not asked for this, ignore this e-mail: the address stays unconfirmed.",
	}.message()
}

// PasswordReset carries the link to a new password.
type PasswordReset struct {
	To, Name, Link string
	ExpiresAt      time.Time
}

func (r PasswordReset) Message() (Message, error) {
	return letter{
		To: r.To, Subject: "Choose a new password", Greeting: greeting(r.Name),
		Lines:  []string{"Somebody, probably you, has asked for a new password for this e-mail address."},
		Action: "Choose a new password", Link: r.Link, ExpiresAt: r.ExpiresAt,
		Unasked: "If it was not you, ignore this e-mail: your password stays as it is.",
	}.message()
}

// SignInLink carries a link that signs in once.
type SignInLink struct {
	To, Name, Link string
	ExpiresAt      time.Time
}

func (l SignInLink) Message() (Message, error) {
	return letter{
		To: l.To, Subject: "Your sign-in link", Greeting: greeting(l.Name),
		Lines:  []string{"This link signs you in. It works once; give it to nobody."},
		Action: "Sign in", Link: l.Link, ExpiresAt: l.ExpiresAt,
		Unasked: "If you have not asked for it, ignore this e-mail: nobody is signed in without the link.",
	}.message()
}

// SignInChanged tells somebody what was changed about how they sign in.
type SignInChanged struct {
	To, Name string
	At       time.Time
	Changes  []string // sentences of ours
	ByOther  bool     // an administrator did it
	Link     string   // to the page about signing in
}

func (c SignInChanged) Message() (Message, error) {
	line := fmt.Sprintf("On %s something was changed about how you sign in:", shown(c.At))
	if c.ByOther {
		line = fmt.Sprintf("On %s an administrator changed something about how you sign in:", shown(c.At))
	}
	return letter{
		To: c.To, Subject: "Your sign-in was changed", Greeting: greeting(c.Name), Lines: append([]string{line}, c.Changes...),
		Action: "See how you sign in", Link: c.Link, Lasting: true,
		Unasked: "If it was you, there is nothing to do. If it was not you, and you know of nobody who did it for you, choose a new password at once, " +
			"sign out wherever you do not know the session, and tell whoever runs this installation.",
	}.message()
}
