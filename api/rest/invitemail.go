package rest

import (
	"context"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/mail"
)

// mailTime is how long the mail server may take; the invite exists all the same.
const mailTime = 10 * time.Second

// mailInvite makes the token that an invite names and sends it. Nothing of it is
// kept where it could be read again, so a message that fails is sent anew on
// request only. A repeat of a request sends nothing.
func (s *server) mailInvite(ctx context.Context, sent outcome[invite.State]) bool {
	if sent.Replayed != "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	err := s.sendInvite(ctx, sent.state)
	s.tidy(ctx, "an invite was not sent", err)
	return err == nil
}

func (s *server) sendInvite(ctx context.Context, v invite.State) error {
	c := callOf(ctx)
	token, err := s.Credentials.Issue(ctx, credentials.Invite, c.tenant, uuid.MustParse(v.ID), uuid.MustParse(v.TokenID), invite.Lifetime)
	if err != nil {
		return err
	}
	message, err := mail.Invitation{
		To: v.Email, Tenant: s.tenantName(ctx, c.tenant), InvitedBy: s.nameOf(ctx, c),
		Link: s.Config.PublicURL + "/auth/invite?token=" + url.QueryEscape(token),
	}.Message()
	if err != nil {
		return err
	}
	return s.Mailer.Send(ctx, message)
}
