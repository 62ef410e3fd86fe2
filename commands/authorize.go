package commands

import (
	"context"

	"tansu.cloud/domain"
)

// authorize refuses callers without the permission.
func authorize[C, S any](permission string, next Handler[C, S]) Handler[C, S] {
	refusal := domain.Forbidden("forbidden", "this needs the permission "+permission)
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		if r.Caller.Permissions == nil || !r.Caller.Permissions(permission) {
			return Result[S]{}, refusal
		}
		return next(ctx, r)
	}
}
