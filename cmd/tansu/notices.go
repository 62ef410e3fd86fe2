package main

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/platform/mail"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/notices"
)

// openNotices comes after the projections and the mailer.
func (n *node) openNotices() (err error) {
	c := notices.Config{Log: n.parts.store, Waiter: n.parts.runner, Users: users.NewDirectory(n.pool)}
	if _, none := n.identity.mailer.(noMail); !none {
		c.Post = noticePost{n.identity.mailer, n.cfg.Issuer()}
	}
	n.parts.teller, err = notices.NewTeller(c)
	return err
}

// noticePost sends what people are told about their sign-in.
type noticePost struct {
	mailer    mail.Mailer
	publicURL string
}

// Send implements notices.Post. A repeat has the same message id.
func (p noticePost) Send(ctx context.Context, n notices.Notice) error {
	message, err := mail.SignInChanged{
		To: n.To, Name: n.Name, At: n.At, Changes: n.Changes, ByOther: n.ByOther, Link: p.publicURL + "/auth/security",
	}.Message()
	if err != nil {
		return err
	}
	message.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("credential notice "+n.Key)).String()
	return p.mailer.Send(ctx, message)
}
