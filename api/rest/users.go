package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/projections/readmodels/users"
)

// User is a person with an account of this installation.
type User struct {
	ID        string    `json:"id" doc:"UUID, given at registration." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	Email     string    `json:"email,omitempty" doc:"E-mail address; absent once erased." example:"ada@example.com"`
	Name      string    `json:"name,omitempty" doc:"Name for people; absent once erased." example:"Ada Lovelace"`
	Verified  bool      `json:"verified" doc:"Whether the address is known to be theirs." example:"true"`
	Status    string    `json:"status" enum:"active,disabled,erased" doc:"Whether they can sign in; erased is final." example:"active"`
	Version   int64     `json:"version" doc:"Of its stream; the ETag." example:"2"`
	CreatedAt time.Time `json:"created_at" doc:"When they were registered." example:"2026-01-31T12:00:00Z"`
	UpdatedAt time.Time `json:"updated_at" doc:"When something about them last changed." example:"2026-01-31T12:00:00Z"`
}

// UserList is a page of users.
type UserList struct {
	Items      []User `json:"items" doc:"The users, the oldest first."`
	NextCursor string `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
	Total      *int64 `json:"total,omitempty" doc:"How many there are on all pages; only with count=exact." example:"1"`
}

// RegisterUserBody describes a new user.
type RegisterUserBody struct {
	Email    string `json:"email" maxLength:"254" doc:"E-mail address; nobody else has it." example:"ada@example.com"`
	Name     string `json:"name" doc:"Name for people." example:"Ada Lovelace"`
	Verified bool   `json:"verified,omitempty" doc:"Whether the address is known to be theirs." example:"true"`
}

// UserNameBody holds the new name of a person.
type UserNameBody struct {
	Name string `json:"name" doc:"Name for people." example:"Ada King"`
}

const permissionManageUsers = "users.manage"

var userTarget = target{user.StreamType, users.Name, user.ErrNotFound}

func (s *server) userRoutes() {
	s.userReads()
	register(s, endpoint{
		route: route{permission: permissionManageUsers},
		id:    "register-user", method: http.MethodPost, path: "/v1/users", tag: "Users", status: http.StatusCreated,
		summary:     "Register a user",
		description: "Makes an account without a password; the person sets one through “forgot password”. Who is to work for a tenant is better invited.",
	}, func(ctx context.Context, in *struct {
		CommandHeaders
		Body RegisterUserBody
	}) (*created[User], error) {
		sent, err := sendNew(ctx, s, userTarget, "", s.Commands.RegisterUser, in.CommandHeaders,
			commands.RegisterUser{Email: in.Body.Email, Name: in.Body.Name, Verified: in.Body.Verified})
		if err != nil {
			return nil, err
		}
		return &created[User]{sent.status, sent.Written, "/v1/users/" + sent.state.UserID, userOfState(sent)}, nil
	})
	register(s, manageUser("rename-user", http.MethodPut, "/name", "Rename a user", "Gives the person another name."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body UserNameBody
		}) (*changed[User], error) {
			return sendToUser(ctx, s, s.Commands.RenameUser, in.IDPath, in.ChangeHeaders, commands.RenameUser{Name: in.Body.Name})
		})
	register(s, manageUser("disable-user", http.MethodPost, "/disable", "Disable a user",
		"They cannot sign in, and what they hold counts no more, within a second and for ever: enabled again, they sign in anew. They stay a member of their tenants."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[User], error) {
			return sendToUser(ctx, s, s.Commands.DisableUser, in.IDPath, in.ChangeHeaders, commands.DisableUser{Reason: in.Body.Reason})
		})
	register(s, manageUser("enable-user", http.MethodPost, "/enable", "Enable a user", "They can sign in again. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[User], error) {
			return sendToUser(ctx, s, s.Commands.EnableUser, in.IDPath, in.ChangeHeaders, commands.EnableUser{Reason: in.Body.text()})
		})
	register(s, manageUser("reset-mfa", http.MethodPost, "/reset-mfa", "Reset the second factors of a user",
		"Takes away authenticator app, recovery codes and passkeys, for somebody who has lost them. The password alone signs them in then."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[User], error) {
			return sendToUser(ctx, s, s.Commands.ResetMFA, in.IDPath, in.ChangeHeaders, commands.ResetMFA{Reason: in.Body.Reason})
		})
	register(s, manageUser("erase-user", http.MethodPost, "/erase", "Erase a user",
		"Destroys the key that seals the person's data and everything with which they could sign in, for ever. Events stay, with their personal fields empty. "+
			"Shortly afterwards they are in no tenant any more, also where they were the last owner, and open invites to their address are revoked."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[User], error) {
			return sendToUser(ctx, s, s.Commands.EraseUser, in.IDPath, in.ChangeHeaders, commands.EraseUser{Reason: in.Body.Reason})
		})
}

func manageUser(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: permissionManageUsers},
		id:    id, method: method, path: "/v1/users/{id}" + action, tag: "Users", summary: summary, description: description,
	}
}

func sendToUser[C any](ctx context.Context, s *server, handler commands.Handler[C, user.State], path IDPath, h ChangeHeaders, command C) (*changed[User], error) {
	sent, err := sendTo(ctx, s, userTarget, path, handler, h, command)
	if err != nil {
		return nil, err
	}
	return &changed[User]{sent.status, sent.Written, userOfState(sent)}, nil
}

func (s *server) userReads() {
	read := route{permission: "users.read"}
	register(s, endpoint{
		route: read, id: "list-users", method: http.MethodGet, path: "/v1/users", tag: "Users",
		summary: "List users", description: "A page of the installation's users.",
	}, s.listUsers)
	register(s, endpoint{
		route: read, id: "get-user", method: http.MethodGet, path: "/v1/users/{id}", tag: "Users",
		summary: "Read a user", description: "One user.",
		also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
	}, func(ctx context.Context, in *oneInput) (*found[User], error) {
		id, err := s.asked(ctx, in, userTarget)
		if err != nil {
			return nil, err
		}
		u, err := s.Users.Get(ctx, id)
		if err != nil {
			return nil, missingAs(err, user.ErrNotFound)
		}
		return oneOf(in.ConditionalHeaders, u.Version, userJSON(u))
	})
}

func (s *server) listUsers(ctx context.Context, in *struct {
	ReadHeaders
	PageQuery
	Status string `query:"status" enum:"active,disabled,erased" doc:"Only users with this status." example:"active"`
	Count  string `query:"count" enum:"exact" doc:"exact: count all pages, which costs more." example:"exact"`
}) (*listed[UserList], error) {
	c := callOf(ctx)
	if err := s.awaitReadModel(ctx, in.ReadHeaders, users.Name, c.tenant); err != nil {
		return nil, err
	}
	query := []string{c.pattern, in.Status}
	from, err := s.from(in.PageQuery, query)
	if err != nil {
		return nil, err
	}
	found, more, err := s.Users.List(ctx, users.ListQuery{Status: in.Status, After: from, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &listed[UserList]{PageHeaders{Position: in.MinPosition}, UserList{Items: make([]User, len(found))}}
	for i, u := range found {
		out.Body.Items[i] = userJSON(u)
	}
	out.Body.NextCursor, out.Link = following(s, c, found, more, query)
	if in.Count == "exact" {
		total, err := s.Users.Count(ctx, in.Status)
		if err != nil {
			return nil, err
		}
		out.Body.Total = &total
	}
	return out, nil
}

func userOfState(sent outcome[user.State]) User {
	u := sent.state
	return userJSON(users.User{
		ID: uuid.MustParse(u.UserID), Email: u.Email, Name: u.Name, Verified: u.Verified, Status: string(u.Status), Version: sent.version,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	})
}

func userJSON(u users.User) User {
	return User{
		ID: u.ID.String(), Email: u.Email, Name: u.Name, Verified: u.Verified, Status: u.Status, Version: u.Version,
		CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
	}
}
