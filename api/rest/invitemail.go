package rest

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/mail"
)

// inviteRate bounds what one address gets, from all tenants together: messages go
// to whoever a tenant names.
var inviteRate = limits.Rate{Tokens: 10, Per: time.Hour, Burst: 10}

var errInvitedTooOften = errors.New("ten invites went to the address within an hour")

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
	if !s.Limits.Allow(ctx, eventstore.SystemTenant.String()+"/invite-mail/"+v.EmailIndex, inviteRate, 1).OK {
		return errInvitedTooOften
	}
	token, err := s.Credentials.Issue(ctx, credentials.Invite, c.tenant, uuid.MustParse(v.ID), uuid.MustParse(v.TokenID), invite.Lifetime)
	if err != nil {
		return err
	}
	message, err := mail.Invitation{
		To: v.Email, Tenant: s.tenantName(ctx, c.tenant), InvitedBy: s.nameOf(ctx, c),
		Link: s.Config.PublicURL + "/auth/invite?token=" + url.QueryEscape(token), ExpiresAt: v.ExpiresAt,
	}.Message()
	if err != nil {
		return err
	}
	return s.Mailer.Send(ctx, message)
}
