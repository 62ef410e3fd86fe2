package rest

import (
	"context"
	"net/http"

	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
)

// ProjectionStatus is how far a projection is.
type ProjectionStatus struct {
	Name       string           `json:"name" doc:"Name of the projection and of its read model." example:"tenant_directory"`
	Version    int              `json:"version" doc:"Version of the code that fills the tables that serve." example:"1"`
	Generation int              `json:"generation" doc:"Which filling of the tables serves." example:"1"`
	State      string           `json:"state" doc:"What it is doing." example:"live"`
	Position   int64            `json:"position" doc:"Events applied, over all logs that it follows." example:"42"`
	LagEvents  int64            `json:"lag_events" doc:"Events that are committed but not applied." example:"0"`
	LagSeconds float64          `json:"lag_seconds" doc:"Age of the oldest of them." example:"0"`
	Parked     int64            `json:"parked" doc:"Streams that are set aside; see dead letters." example:"0"`
	Rebuild    *RebuildProgress `json:"rebuild,omitempty" doc:"The rebuild that is running, if any."`
}

// RebuildProgress is how far a rebuild is.
type RebuildProgress struct {
	Generation int     `json:"generation" doc:"The filling that is being made." example:"2"`
	Version    int     `json:"version" doc:"Version of the code that fills it." example:"2"`
	Done       int64   `json:"done" doc:"Events applied." example:"12000"`
	Total      int64   `json:"total" doc:"Events to apply, as known now." example:"40000"`
	Rate       float64 `json:"rate" doc:"Events per second." example:"21000"`
	ETASeconds float64 `json:"eta_seconds" doc:"Time left at this rate." example:"1.3"`
}

// ProjectionList lists all projections.
type ProjectionList struct {
	Items []ProjectionStatus `json:"items" doc:"The projections, by name."`
}

// ProjectionOrder is what a projection should be doing after a command.
type ProjectionOrder struct {
	Name     string `json:"name" doc:"Name of the projection." example:"tenant_directory"`
	Paused   bool   `json:"paused" doc:"Whether it applies no events." example:"false"`
	Active   Build  `json:"active" doc:"What serves."`
	Building *Build `json:"building,omitempty" doc:"What is being filled beside it."`
	Version  int64  `json:"version" doc:"Of the projection's stream; the ETag." example:"3"`
}

// Build is one filling of a projection's tables.
type Build struct {
	Generation int `json:"generation" doc:"Counts up for ever." example:"2"`
	Version    int `json:"version" doc:"Version of the code that fills it." example:"1"`
}

type projectionOutput struct {
	Status int
	Written
	Body ProjectionOrder
}

// ProjectionPath names a projection.
type ProjectionPath struct {
	Name string `path:"name" maxLength:"100" doc:"Name of the projection." example:"tenant_directory"`
}

type changeProjectionInput struct {
	ProjectionPath
	ChangeHeaders
	Body *OptionalReasonBody
}

func (s *server) projectionRoutes() {
	register(s, endpoint{
		route: route{permission: "projections.read"},
		id:    "list-projections", method: http.MethodGet, path: "/v1/projections", tag: "Projections",
		summary: "List projections", description: "All projections with their lag and the progress of their rebuilds.",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body ProjectionList }, error) {
		all, err := s.Projections.Status(ctx)
		if all == nil {
			all = []ProjectionStatus{}
		}
		return &struct{ Body ProjectionList }{ProjectionList{all}}, err
	})
	changeProjection(s, "rebuild", "rebuild-projection", "Rebuild a projection",
		"Fills a new generation of the tables beside the one that serves, then switches to it. The body may be left out.",
		func() commands.Handler[commands.StartRebuild, projection.State] { return s.Commands.StartRebuild },
		func(reason string) commands.StartRebuild { return commands.StartRebuild{Reason: reason} })
	changeProjection(s, "rebuild/cancel", "cancel-rebuild", "Cancel a rebuild",
		"Gives up the generation that is being filled. The body may be left out.",
		func() commands.Handler[commands.CancelRebuild, projection.State] { return s.Commands.CancelRebuild },
		func(reason string) commands.CancelRebuild { return commands.CancelRebuild{Reason: reason} })
	changeProjection(s, "pause", "pause-projection", "Pause a projection",
		"Applies no more events until the projection is resumed; its read model grows old. The body may be left out.",
		func() commands.Handler[commands.PauseProjection, projection.State] { return s.Commands.PauseProjection },
		func(reason string) commands.PauseProjection { return commands.PauseProjection{Reason: reason} })
	changeProjection(s, "resume", "resume-projection", "Resume a projection",
		"Applies events again, from where the projection stopped. The body may be left out.",
		func() commands.Handler[commands.ResumeProjection, projection.State] {
			return s.Commands.ResumeProjection
		},
		func(reason string) commands.ResumeProjection { return commands.ResumeProjection{Reason: reason} })
}

// changeProjection declares a command on a projection. The handler is looked up
// when it is called, because the document is built without any.
func changeProjection[C any](s *server, action, id, summary, description string,
	handler func() commands.Handler[C, projection.State], command func(reason string) C) {
	register(s, endpoint{
		route: route{permission: commands.PermissionManageProjections},
		id:    id, method: http.MethodPost, path: "/v1/projections/{name}/" + action, tag: "Projections",
		summary: summary, description: description,
	}, func(ctx context.Context, in *changeProjectionInput) (*projectionOutput, error) {
		sent, err := send(ctx, s, handler(), in.ChangeHeaders, http.StatusOK, order[C]{
			tenant:  eventstore.SystemTenant,
			stream:  eventstore.Stream{Type: projection.StreamType, ID: in.Name},
			command: command(in.Body.text()),
		})
		if err != nil {
			return nil, err
		}
		return &projectionOutput{Status: sent.status, Written: sent.Written, Body: projectionOrder(in.Name, sent)}, nil
	})
}

func projectionOrder(name string, sent outcome[projection.State]) ProjectionOrder {
	o := ProjectionOrder{Name: name, Paused: sent.state.Paused, Active: Build(sent.state.Active), Version: sent.version}
	if b := sent.state.Building; b != nil {
		building := Build(*b)
		o.Building = &building
	}
	return o
}
