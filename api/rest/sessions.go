package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/users"
)

// Session is a sign-in that holds.
type Session struct {
	ID        string    `json:"id" doc:"UUID, given at the sign-in." example:"01926a3e-aaaa-7c4b-9a51-3f0c1b2d4e5f"`
	Method    string    `json:"method" doc:"How the person proved who they are." example:"password"`
	Address   string    `json:"address,omitempty" doc:"From where." example:"192.0.2.1"`
	UserAgent string    `json:"user_agent,omitempty" doc:"With what." example:"Mozilla/5.0"`
	StartedAt time.Time `json:"started_at" doc:"When." example:"2026-01-31T12:00:00Z"`
	Current   bool      `json:"current" doc:"Whether the request comes from it." example:"true"`
}

// SessionList holds the sessions of a person.
type SessionList struct {
	Items []Session `json:"items" doc:"The sessions that hold, the newest first; at most 200."`
}

var sessionTarget = target{session.StreamType, users.Name, session.ErrNotFound}

func (s *server) sessionRoutes() {
	register(s, endpoint{
		route: route{anyone: true}, id: "list-sessions", method: http.MethodGet, path: "/v1/sessions", tag: "Account",
		summary: "List one's own sessions", description: "Where the caller is signed in. Programs have no sessions. Who is signed in through a tenant's identity provider sees this one session. Applications that people let in are refused.",
	}, func(ctx context.Context, in *struct{ ReadHeaders }) (*listed[SessionList], error) {
		p := callOf(ctx).principal
		if p.UserID == uuid.Nil {
			return &listed[SessionList]{Body: SessionList{Items: []Session{}}}, nil
		}
		if err := s.checkDelegated(ctx); err != nil {
			return nil, err
		}
		return s.sessionsOf(ctx, in.ReadHeaders, p.UserID)
	})
	register(s, endpoint{
		route: route{anyone: true}, id: "end-session", method: http.MethodDelete, path: "/v1/sessions/{id}", tag: "Account", status: http.StatusNoContent,
		summary: "End one of one's own sessions", description: "Signs out there; tokens that came from it hold no more, within a second. Who is signed in through a tenant's identity provider can end this one session. Applications that people let in are refused.",
	}, func(ctx context.Context, in *struct {
		IDPath
		CommandHeaders
	}) (*deletedOutput, error) {
		if p := callOf(ctx).principal; p.Confined && (p.SessionID == uuid.Nil || in.ID != p.SessionID.String()) {
			return nil, errConfined
		}
		if err := s.checkDelegated(ctx); err != nil {
			return nil, err
		}
		return s.endSession(ctx, in.IDPath, callOf(ctx).principal.UserID, in.CommandHeaders, "ended by its owner")
	})
	register(s, endpoint{
		route: route{permission: "users.read"}, id: "list-user-sessions", method: http.MethodGet, path: "/v1/users/{id}/sessions", tag: "Users",
		summary: "List the sessions of a user", description: "Where a person is signed in.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ReadHeaders
	}) (*listed[SessionList], error) {
		id, err := in.uuid(user.ErrNotFound)
		if err != nil {
			return nil, err
		}
		return s.sessionsOf(ctx, in.ReadHeaders, id)
	})
	register(s, endpoint{
		route: route{permission: permissionManageUsers}, id: "end-user-session", method: http.MethodDelete, path: "/v1/users/{id}/sessions/{session}",
		tag: "Users", status: http.StatusNoContent,
		summary: "End a session of a user", description: "Signs the person out there; tokens that came from it hold no more, within a second.",
	}, func(ctx context.Context, in *struct {
		IDPath
		Session string `path:"session" maxLength:"36" doc:"Id of the session." example:"01926a3e-aaaa-7c4b-9a51-3f0c1b2d4e5f"`
		CommandHeaders
	}) (*deletedOutput, error) {
		owner, err := in.uuid(session.ErrNotFound)
		if err != nil {
			return nil, err
		}
		return s.endSession(ctx, IDPath{in.Session}, owner, in.CommandHeaders, "ended by an administrator")
	})
}

func (s *server) sessionsOf(ctx context.Context, h ReadHeaders, owner uuid.UUID) (*listed[SessionList], error) {
	if err := s.awaitReadModel(ctx, h, users.Name, eventstore.SystemTenant); err != nil {
		return nil, err
	}
	found, err := s.Users.Sessions(ctx, owner)
	if err != nil {
		return nil, err
	}
	p := callOf(ctx).principal
	own := p.SessionID
	if p.Confined && owner == p.UserID {
		found = slices.DeleteFunc(found, func(v users.Session) bool { return v.ID != own })
	}
	out := &listed[SessionList]{PageHeaders{Position: h.MinPosition}, SessionList{Items: make([]Session, len(found))}}
	for i, v := range found {
		out.Body.Items[i] = Session{
			ID: v.ID.String(), Method: v.Method, Address: v.Address, UserAgent: v.UserAgent, StartedAt: v.StartedAt.UTC(), Current: v.ID == own,
		}
	}
	return out, nil
}

// endSession ends a session of its owner; another's does not exist for them.
func (s *server) endSession(ctx context.Context, path IDPath, owner uuid.UUID, h CommandHeaders, reason string) (*deletedOutput, error) {
	id, err := path.uuid(session.ErrNotFound)
	if err != nil {
		return nil, err
	}
	of, err := s.Users.Session(ctx, id)
	if err != nil {
		return nil, missingAs(err, session.ErrNotFound)
	}
	if of.UserID != owner || owner == uuid.Nil {
		return nil, session.ErrNotFound
	}
	sent, err := send(ctx, s, s.Commands.EndSession, ChangeHeaders{CommandHeaders: h}, http.StatusOK, order[commands.EndSession]{
		stream: eventstore.Stream{Type: sessionTarget.streamType, ID: id.String()}, command: commands.EndSession{Reason: reason},
		readModels: []string{sessionTarget.readModel}, self: owner == callOf(ctx).principal.UserID,
	})
	return deleted(sent, err)
}
