package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/readmodels/users"
)

const (
	// outboxSize bounds what waits to be sent. Whoever asks when it is full has to
	// ask again; the page says the same in every case.
	outboxSize = 1_000
	mailTime   = 30 * time.Second
	linkLife   = 15 * time.Minute
	resetLife  = time.Hour
	verifyLife = 24 * time.Hour
)

// later does something after the answer, which must not tell by its content or
// its time whether there is such an account.
//
// What waits is lost with the process. The queue of jobs would keep it, but for that
// every request would have to leave a row, also for addresses that nobody has, with
// the sealed request to which the link leads back; and a link that comes late, to
// somebody who has asked again meanwhile, is of no use. The token needs no keeping in
// either case: it is made when the mail is sent.
func (p *Provider) later(ctx context.Context, what string, do func(ctx context.Context) error) {
	work := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, mailTime)
		defer cancel()
		if err := do(ctx); err != nil {
			p.Logger.ErrorContext(ctx, "oidc: an e-mail was not sent", "what", what, "error", err)
		}
	}
	select {
	case p.outbox <- work:
	default:
		p.Logger.WarnContext(ctx, "oidc: too many e-mails wait; one was dropped", "what", what)
	}
}

func (p *Provider) mailFrom(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case work := <-p.outbox:
			work(ctx)
		}
	}
}

// promiseMail answers whoever asks for a link, with the same words whether there
// is such an account or not. The mail follows.
func (p *Provider) promiseMail(w http.ResponseWriter, r *http.Request, email string, purpose credentials.Purpose, page string, query url.Values, life time.Duration) {
	index, address := p.EmailIndex(email), network(p.Address(r))
	if !p.allowedToTry(r.Context(), "address", address, addressTries) {
		p.showTooMany(w, r)
		return
	}
	// Nobody can be flooded with mail, nor be kept from getting any by strangers
	// of another address.
	if p.allowedToTry(r.Context(), "mail", index+"/"+address, linkTries) && p.allowedToTry(r.Context(), "mail-to", index, mailTries) {
		p.later(r.Context(), string(purpose), func(ctx context.Context) error {
			return p.mailLink(ctx, index, purpose, page, query, life)
		})
	}
	back := pageHome
	if underWay := r.PostFormValue("request"); underWay != "" { // as it came: sealed anew it would differ each time
		back = pageLogin + "?" + url.Values{"request": {underWay}}.Encode()
	}
	p.showWayOn(w, r, http.StatusOK, "Look into your mailbox",
		"If there is an account with this address, a link is on its way to it. If nothing comes within some minutes, look among the unwanted mail, and whether the address was right.",
		back, "Go back")
}

// mailLink sends a link with a one-time token to an account's address. Nothing
// happens if there is no such account.
func (p *Provider) mailLink(ctx context.Context, emailIndex string, purpose credentials.Purpose, page string, query url.Values, life time.Duration) error {
	user, err := p.Users.ByEmailIndex(ctx, emailIndex)
	if errors.Is(err, users.ErrNotFound) || err == nil && user.Status != users.StatusActive {
		return nil
	}
	if err != nil {
		return err
	}
	token, err := p.Credentials.Issue(ctx, purpose, uuid.Nil, user.ID, uuid.New(), life)
	if err != nil {
		return err
	}
	values := url.Values{"token": {token}}
	for name, value := range query {
		values[name] = value
	}
	message, err := linkMessage(purpose, user, p.issuer+page+"?"+values.Encode(), p.Now().Add(life))
	if err != nil {
		return err
	}
	return p.Mailer.Send(ctx, message)
}

func linkMessage(purpose credentials.Purpose, u users.User, link string, expires time.Time) (mail.Message, error) {
	switch purpose {
	case credentials.SignIn:
		return mail.SignInLink{To: u.Email, Name: u.Name, Link: link, ExpiresAt: expires}.Message()
	case credentials.ResetPassword:
		return mail.PasswordReset{To: u.Email, Name: u.Name, Link: link, ExpiresAt: expires}.Message()
	default:
		return mail.Verification{To: u.Email, Name: u.Name, Link: link, ExpiresAt: expires}.Message()
	}
}
