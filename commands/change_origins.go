package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/space"
)

// PermissionManageOrigins is needed to say from which pages a tenant may be used.
const PermissionManageOrigins = "origins.manage"

// ChangeOrigins replaces the origins whose pages may use the tenant.
type ChangeOrigins struct{ Origins []string }

func changeOrigins(p *pipeline) Handler[ChangeOrigins, space.State] {
	change := handle(p, spaceUseCase[ChangeOrigins]{
		name:       "ChangeOrigins",
		permission: PermissionManageOrigins,
		aggregate:  spaces,
		command: func(r Request[ChangeOrigins], now time.Time) space.Command {
			return space.ChangeOrigins{Origins: r.Command.Origins, At: now}
		},
	})
	return func(ctx context.Context, r Request[ChangeOrigins]) (Result[space.State], error) {
		r.Stream = space.StreamID
		return change(ctx, r)
	}
}
