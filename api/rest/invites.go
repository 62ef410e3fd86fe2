package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/projections/readmodels/access"
)

// Invite asks a person to become a member.
type Invite struct {
	ID         string    `json:"id" doc:"UUID, given at creation." example:"01926a3e-6666-7c4b-9a51-3f0c1b2d4e5f"`
	Email      string    `json:"email,omitempty" doc:"Who is invited; absent once it was accepted or revoked." example:"ada@example.com"`
	Roles      []string  `json:"roles" doc:"What the person becomes." example:"[\"developer\"]"`
	Status     string    `json:"status" enum:"open,accepted,revoked,expired" doc:"Whether it can be accepted." example:"open"`
	Reason     string    `json:"reason,omitempty" doc:"Why it was revoked." example:"Wrong address"`
	AcceptedBy string    `json:"accepted_by,omitempty" doc:"UUID of the user who accepted it." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	CreatedBy  string    `json:"created_by,omitempty" doc:"Who invites; absent in answers to changes." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	ExpiresAt  time.Time `json:"expires_at" doc:"To when it can be accepted." example:"2026-02-07T12:00:00Z"`
	Version    int64     `json:"version" doc:"Of its stream; the ETag." example:"1"`
	CreatedAt  time.Time `json:"created_at" doc:"When it was created." example:"2026-01-31T12:00:00Z"`
	UpdatedAt  time.Time `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// SentInvite is an invite whose message the request has sent.
type SentInvite struct {
	Invite
	Sent bool `json:"sent" doc:"Whether the message went out. If not, send it again; one address gets at most 10 an hour." example:"true"`
}

// InviteList is a page of invites.
type InviteList struct {
	Items      []Invite `json:"items" doc:"The invites, the newest first."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

// CreateInviteBody says who is invited.
type CreateInviteBody struct {
	Email string   `json:"email" maxLength:"254" doc:"E-mail address of the person." example:"ada@example.com"`
	Roles []string `json:"roles" doc:"1 to 20 roles." example:"[\"developer\"]"`
}

const permissionManageInvites = "invites.manage"

var inviteTarget = target{invite.StreamType, access.Name, invite.ErrNotFound}

func (s *server) inviteRoutes() {
	s.inviteReads()
	register(s, endpoint{
		route: route{permission: permissionManageInvites, tenant: true},
		id:    "create-invite", method: http.MethodPost, path: "/v1/invites", tag: "Invites", status: http.StatusCreated,
		summary: "Invite a person",
		description: "Sends a message with a link by which the person becomes a member, within 7 days, once, with this address only. " +
			"Nobody can give what they may not do themselves.",
	}, s.createInvite)
	register(s, manageInvite("resend-invite", "/resend", "Send an invite again", "Sends a new link for 7 more days; those before do not hold any more."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
		}) (*changed[SentInvite], error) {
			sent, err := sendTo(ctx, s, inviteTarget, in.IDPath, s.Commands.ResendInvite, in.ChangeHeaders, commands.ResendInvite{TokenID: uuid.NewString()})
			if err != nil {
				return nil, err
			}
			return &changed[SentInvite]{sent.status, sent.Written, SentInvite{inviteOfState(sent), s.mailInvite(ctx, sent)}}, nil
		})
	register(s, manageInvite("revoke-invite", "/revoke", "Revoke an invite", "The link does not hold any more. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[Invite], error) {
			sent, err := sendTo(ctx, s, inviteTarget, in.IDPath, s.Commands.RevokeInvite, in.ChangeHeaders, commands.RevokeInvite{Reason: in.Body.text()})
			if err != nil {
				return nil, err
			}
			return &changed[Invite]{sent.status, sent.Written, inviteOfState(sent)}, nil
		})
}

func manageInvite(id, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: permissionManageInvites, tenant: true},
		id:    id, method: http.MethodPost, path: "/v1/invites/{id}" + action, tag: "Invites", summary: summary, description: description,
	}
}

func (s *server) createInvite(ctx context.Context, in *struct {
	CommandHeaders
	Body CreateInviteBody
}) (*created[SentInvite], error) {
	sent, err := sendNew(ctx, s, inviteTarget, "", s.Commands.CreateInvite, in.CommandHeaders,
		commands.CreateInvite{Email: in.Body.Email, Roles: in.Body.Roles, TokenID: uuid.NewString()})
	if err != nil {
		return nil, err
	}
	body := SentInvite{inviteOfState(sent), s.mailInvite(ctx, sent)}
	body.CreatedBy = callOf(ctx).actor
	return &created[SentInvite]{sent.status, sent.Written, "/v1/invites/" + body.ID, body}, nil
}

func (s *server) inviteReads() {
	read := route{permission: "members.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-invites", method: http.MethodGet, path: "/v1/invites", tag: "Invites",
		summary: "List invites", description: "A page of the tenant's invites.",
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		PageQuery
		Status string `query:"status" enum:"open,accepted,revoked" doc:"Only invites with this status; expired ones are open." example:"open"`
		MakerQuery
	}) (*listed[InviteList], error) {
		c := callOf(ctx)
		query := []string{c.pattern, c.tenant.String(), in.Status, in.CreatedBy}
		page, err := s.directoryPage(ctx, in.ReadHeaders, in.PageQuery, in.Status, query)
		if err != nil {
			return nil, err
		}
		page.CreatedBy = in.CreatedBy
		found, more, err := s.Directory.Invites(ctx, c.tenant, page)
		if err != nil {
			return nil, err
		}
		out := &listed[InviteList]{PageHeaders{Position: in.MinPosition}, InviteList{Items: make([]Invite, len(found))}}
		for i, v := range found {
			out.Body.Items[i] = inviteJSON(v)
		}
		out.Body.NextCursor, out.Link = following(s, c, found, more, query)
		return out, nil
	})
	register(s, endpoint{
		route: read, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-invite", method: http.MethodGet, path: "/v1/invites/{id}", tag: "Invites",
		summary: "Read an invite", description: "One invite.",
	}, func(ctx context.Context, in *oneInput) (*found[Invite], error) {
		id, err := s.asked(ctx, in, inviteTarget)
		if err != nil {
			return nil, err
		}
		v, err := s.Directory.Invite(ctx, callOf(ctx).tenant, id)
		if err != nil {
			return nil, missingAs(err, invite.ErrNotFound)
		}
		return oneOf(in.ConditionalHeaders, v.Version, inviteJSON(v))
	})
}

func inviteOfState(sent outcome[invite.State]) Invite {
	v := sent.state
	shown := access.Invite{
		ID: uuid.MustParse(v.ID), Roles: v.Roles, Status: string(v.Status), Reason: v.RevokedReason,
		ExpiresAt: v.ExpiresAt, Version: sent.version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
	if v.Status == invite.StatusOpen {
		shown.Email = v.Email
	}
	return inviteJSON(shown)
}

func inviteJSON(v access.Invite) Invite {
	shown := Invite{
		ID: v.ID.String(), Email: v.Email, Roles: listOf(v.Roles), Status: v.Status, Reason: v.Reason, CreatedBy: v.CreatedBy, ExpiresAt: v.ExpiresAt.UTC(),
		Version: v.Version, CreatedAt: v.CreatedAt.UTC(), UpdatedAt: v.UpdatedAt.UTC(),
	}
	if v.AcceptedBy != uuid.Nil {
		shown.AcceptedBy = v.AcceptedBy.String()
	}
	if v.Status == string(invite.StatusOpen) && !time.Now().Before(v.ExpiresAt) {
		shown.Status = "expired"
	}
	return shown
}
