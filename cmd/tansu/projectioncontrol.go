package main

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

// projectionControl lets the projection runner send its commands, which keeps
// the packages from knowing each other.
type projectionControl struct{ commands *commands.Commands }

var _ projections.Control = projectionControl{}

func (c projectionControl) StartRebuild(ctx context.Context, name string, cmd projection.StartRebuild) error {
	return asRunner(ctx, c.commands.StartRebuild, name, commands.StartRebuild{Version: cmd.Version, Reason: cmd.Reason})
}

func (c projectionControl) CancelRebuild(ctx context.Context, name string, cmd projection.CancelRebuild) error {
	return asRunner(ctx, c.commands.CancelRebuild, name, commands.CancelRebuild(cmd))
}

func (c projectionControl) SwitchProjection(ctx context.Context, name string, cmd projection.Switch) error {
	return asRunner(ctx, c.commands.SwitchProjection, name, commands.SwitchProjection{Generation: cmd.Generation, Version: cmd.Version})
}

func (c projectionControl) ParkStream(ctx context.Context, name string, cmd projection.ParkStream) error {
	return asRunner(ctx, c.commands.ParkStream, name, commands.ParkStream(cmd))
}

func (c projectionControl) ResolveStream(ctx context.Context, name string, cmd projection.ResolveStream) error {
	return asRunner(ctx, c.commands.ResolveStream, name, commands.ResolveStream(cmd))
}

// asRunner sends a command about a projection on behalf of the runner itself.
func asRunner[C any](ctx context.Context, handle commands.Handler[C, projection.State], name string, cmd C) error {
	_, err := handle(ctx, commands.Request[C]{
		Tenant: eventstore.SystemTenant, Stream: name, Command: cmd, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "system:projections", Permissions: func(string) bool { return true }},
	})
	return err
}

// projectionQueries shows the runner to the interface in the interface's words.
type projectionQueries struct{ runner *projections.Runner }

func (q projectionQueries) Wait(ctx context.Context, name string, tenant uuid.UUID, position int64) error {
	return q.runner.Wait(ctx, name, tenant, position)
}

func (q projectionQueries) Shown(name string, tenant uuid.UUID) (version string, reached int64, known bool) {
	return q.runner.Shown(name, tenant)
}

func (q projectionQueries) Status(ctx context.Context) ([]rest.ProjectionStatus, error) {
	statuses, err := q.runner.Status(ctx)
	shown := make([]rest.ProjectionStatus, len(statuses))
	for i, s := range statuses {
		shown[i] = rest.ProjectionStatus{
			Name: s.Name, Version: s.Version, Generation: s.Generation, State: string(s.State),
			Position: s.Position, LagEvents: s.LagEvents, LagSeconds: s.Lag.Seconds(), Parked: int64(s.Parked),
		}
		if r := s.Rebuild; r != nil {
			shown[i].Rebuild = &rest.RebuildProgress{
				Generation: r.Generation, Version: r.Version, Done: r.Done, Total: r.Total, Rate: r.Rate, ETASeconds: r.ETA.Seconds(),
			}
		}
	}
	return shown, err
}
