package jobs

import (
	"context"
	"log/slog"
)

// outage logs the beginning and the end of a failure, not each try.
type outage struct {
	logger *slog.Logger
	what   string
	since  bool
}

func (o *outage) note(ctx context.Context, err error) {
	switch {
	case err == nil && o.since:
		o.since = false
		o.logger.InfoContext(ctx, "jobs: "+o.what+" works again")
	case err != nil && !o.since && ctx.Err() == nil:
		o.since = true
		o.logger.WarnContext(ctx, "jobs: "+o.what+" failed; trying again", "error", err)
	}
}
