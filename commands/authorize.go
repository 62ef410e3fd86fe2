package commands

import (
	"context"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
)

// authorize refuses callers without the permission. Where people look after
// themselves, the permission to do so is enough.
func authorize[C, S any](needed string, self bool, next Handler[C, S]) Handler[C, S] {
	refusal := domain.Forbidden("forbidden", "this needs the permission "+needed)
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		if !r.Caller.permitted(needed) && !(self && r.Caller.permitted(permission.Self)) {
			return Result[S]{}, refusal
		}
		return next(ctx, r)
	}
}

func (c Caller) permitted(permission string) bool {
	return c.Permissions != nil && c.Permissions(permission)
}
