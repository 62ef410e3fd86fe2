package projection

import (
	"strings"

	"tansu.cloud/domain"
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Switch); ok {
		return decideSwitch(s, c)
	}
	if !s.Exists() {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case StartRebuild:
		return startRebuild(s, c)
	case CancelRebuild:
		return cancelRebuild(s, c)
	case Pause:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Paused {
			return nil, err
		}
		return []Event{Paused{strings.TrimSpace(c.Reason)}}, nil
	case Resume:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || !s.Paused {
			return nil, err
		}
		return []Event{Resumed{strings.TrimSpace(c.Reason)}}, nil
	case ParkStream:
		return parkStream(s, c)
	case RequestRedrive:
		return requestRedrive(s, c)
	case ResolveStream:
		return resolveStream(s, c)
	case Discard:
		return discard(s, c)
	}
	return nil, domain.Invalid("projection.command_unknown", "a projection does not know this command")
}
