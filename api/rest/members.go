package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// Member is a user in a tenant.
type Member struct {
	UserID    string    `json:"user_id" doc:"UUID of the user." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Email     string    `json:"email,omitempty" doc:"E-mail address; absent once the user was erased." example:"ada@example.com"`
	Name      string    `json:"name,omitempty" doc:"Name for people; absent once the user was erased." example:"Ada Lovelace"`
	Roles     []string  `json:"roles" doc:"What the member may do: built-in roles and the tenant's own." example:"[\"developer\"]"`
	Version   int64     `json:"version" doc:"Of its stream; the ETag." example:"3"`
	AddedAt   time.Time `json:"added_at" doc:"When the user became a member." example:"2026-01-31T12:00:00Z"`
	UpdatedAt time.Time `json:"updated_at" doc:"When the roles last changed." example:"2026-01-31T12:00:00Z"`
}

// MemberList is a page of members.
type MemberList struct {
	Items      []Member `json:"items" doc:"The members, the oldest first."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

// AddMemberBody says who becomes a member.
type AddMemberBody struct {
	UserID string   `json:"user_id" maxLength:"36" doc:"UUID of the user." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Roles  []string `json:"roles" doc:"1 to 20 roles." example:"[\"developer\"]"`
}

// RolesBody holds the new roles of a member.
type RolesBody struct {
	Roles []string `json:"roles" doc:"1 to 20 roles; they replace those before." example:"[\"admin\"]"`
}

var memberTarget = target{member.StreamType, access.Name, member.ErrNotFound}

func (s *server) memberRoutes() {
	s.memberReads()
	register(s, endpoint{
		route: route{permission: "members.manage", tenant: true},
		id:    "add-member", method: http.MethodPost, path: "/v1/members", tag: "Members", status: http.StatusCreated,
		summary: "Add a member",
		description: "Makes a user a member without asking them. Only those who may see all users can do that; everybody else sends an invite. " +
			"Nobody can give what they may not do themselves.",
	}, s.addMember)
	register(s, changeMember("change-member-roles", http.MethodPut, "/roles", "Change the roles of a member",
		"Replaces the roles of a member; it takes effect within a second. A tenant keeps at least one owner."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body RolesBody
		}) (*changed[Member], error) {
			return sendToMember(ctx, s, s.Commands.ChangeMemberRoles, in.IDPath, in.ChangeHeaders, commands.ChangeMemberRoles{Roles: in.Body.Roles})
		})
	e := changeMember("remove-member", http.MethodDelete, "", "Remove a member", "Takes the user all rights in the tenant, within a second. The account stays.")
	e.status = http.StatusNoContent
	register(s, e, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*deletedOutput, error) {
		return deleted(sendTo(ctx, s, memberTarget, in.IDPath, s.Commands.RemoveMember, in.ChangeHeaders, commands.RemoveMember{}))
	})
}

func changeMember(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: "members.manage", tenant: true},
		id:    id, method: method, path: "/v1/members/{id}" + action, tag: "Members", summary: summary, description: description,
	}
}

func (s *server) addMember(ctx context.Context, in *struct {
	CommandHeaders
	Body AddMemberBody
}) (*created[Member], error) {
	if !callOf(ctx).principal.Permitted(eventstore.SystemTenant, "users.read") {
		return nil, problem.New(problem.Forbidden, "Only those who may see all users add members; send an invite instead.")
	}
	id, err := IDPath{in.Body.UserID}.uuid(member.ErrUserUnknown)
	if err != nil {
		return nil, err
	}
	sent, err := sendNew(ctx, s, memberTarget, id.String(), s.Commands.AddMember, in.CommandHeaders, commands.AddMember{Roles: in.Body.Roles})
	if err != nil {
		return nil, err
	}
	body, err := s.memberOfState(ctx, sent)
	return &created[Member]{sent.status, sent.Written, "/v1/members/" + id.String(), body}, err
}

func sendToMember[C any](ctx context.Context, s *server, handler commands.Handler[C, member.State], path IDPath, h ChangeHeaders, command C) (*changed[Member], error) {
	sent, err := sendTo(ctx, s, memberTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	body, err := s.memberOfState(ctx, sent)
	return &changed[Member]{sent.status, sent.Written, body}, err
}

// ofMembers has users too, for their names.
var ofMembers = []source{{readModel: access.Name}, {readModel: users.Name, system: true}}

func (s *server) memberReads() {
	read := route{permission: "members.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-members", method: http.MethodGet, path: "/v1/members", tag: "Members",
		summary: "List members", description: "A page of the tenant's members.",
		cached: ofMembers,
	}, func(ctx context.Context, in *struct {
		ReadHeaders
		PageQuery
	}) (*listed[MemberList], error) {
		c := callOf(ctx)
		query := []string{c.pattern, c.tenant.String()}
		page, err := s.directoryPage(ctx, in.ReadHeaders, in.PageQuery, "", query)
		if err != nil {
			return nil, err
		}
		found, more, err := s.Directory.Members(ctx, c.tenant, page)
		if err != nil {
			return nil, err
		}
		ids := make([]uuid.UUID, len(found))
		for i, m := range found {
			ids[i] = m.UserID
		}
		people, err := s.Users.ByIDs(ctx, ids)
		if err != nil {
			return nil, err
		}
		out := &listed[MemberList]{PageHeaders{Position: in.MinPosition}, MemberList{Items: make([]Member, len(found))}}
		for i, m := range found {
			out.Body.Items[i] = memberJSON(m, people[m.UserID])
		}
		out.Body.NextCursor, out.Link = following(s, c, found, more, query)
		return out, nil
	})
	register(s, endpoint{
		route: read, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-member", method: http.MethodGet, path: "/v1/members/{id}", tag: "Members",
		summary: "Read a member", description: "One member, by the id of the user.",
		cached: ofMembers,
	}, func(ctx context.Context, in *oneInput) (*found[Member], error) {
		id, err := s.asked(ctx, in, memberTarget)
		if err != nil {
			return nil, err
		}
		m, err := s.Directory.Member(ctx, callOf(ctx).tenant, id)
		if err != nil {
			return nil, missingAs(err, member.ErrNotFound)
		}
		people, err := s.Users.ByIDs(ctx, []uuid.UUID{id})
		if err != nil {
			return nil, err
		}
		return oneOf(in.ConditionalHeaders, m.Version, memberJSON(m, people[id]))
	})
}

// directoryPage waits for the read model and opens the cursor.
func (s *server) directoryPage(ctx context.Context, h ReadHeaders, q PageQuery, status string, query []string) (access.Page, error) {
	page := access.Page{Status: status, Limit: q.Limit}
	if err := s.awaitReadModel(ctx, h, access.Name, callOf(ctx).tenant); err != nil {
		return page, err
	}
	var err error
	page.After, err = s.from(q, query)
	return page, err
}

func (s *server) memberOfState(ctx context.Context, sent outcome[member.State]) (Member, error) {
	m := sent.state
	id := uuid.MustParse(m.UserID)
	people, err := s.Users.ByIDs(ctx, []uuid.UUID{id})
	return memberJSON(access.Member{
		UserID: id, Roles: m.Roles, Version: sent.version, AddedAt: m.AddedAt, UpdatedAt: m.UpdatedAt,
	}, people[id]), err
}

func memberJSON(m access.Member, who users.User) Member {
	return Member{
		UserID: m.UserID.String(), Email: who.Email, Name: who.Name, Roles: listOf(m.Roles), Version: m.Version,
		AddedAt: m.AddedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(),
	}
}
