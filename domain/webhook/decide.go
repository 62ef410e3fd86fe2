package webhook

import (
	"slices"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// Command is something to do to a webhook.
type Command interface{ webhookCommand() }

// The commands. Ids, secrets' names and times are inputs; At is the time of the
// decision.
type (
	// Register makes a webhook that does not exist yet, in one of its tenant's
	// slots; 0 says that none is free.
	Register struct {
		ID     string
		Slot   int
		Target Target
		Secret Secret
		At     time.Time
	}
	// Change replaces where the webhook sends what.
	Change struct {
		Target Target
		At     time.Time
	}
	// Enable lets a disabled webhook get deliveries again.
	Enable struct {
		Reason string
		At     time.Time
	}
	// Disable stops all deliveries; it needs a reason.
	Disable struct {
		Reason string
		At     time.Time
	}
	// RotateSecret gives the webhook another secret. The one before goes on
	// signing for Overlap.
	RotateSecret struct {
		Secret  Secret
		Overlap time.Duration
		At      time.Time
	}
	// Delete ends the webhook for ever.
	Delete struct {
		Reason string
		At     time.Time
	}
	// RequestRedrive asks for deliveries that were given up to be tried again.
	RequestRedrive struct {
		Reason string
		At     time.Time
	}
	// RequestReplay asks for a part of the log to be delivered again.
	RequestReplay struct {
		ReplayID     string
		FromPosition int64
		ToPosition   int64 // inclusive
		Reason       string
		At           time.Time
	}
)

func (Register) webhookCommand()       {}
func (Change) webhookCommand()         {}
func (Enable) webhookCommand()         {}
func (Disable) webhookCommand()        {}
func (RotateSecret) webhookCommand()   {}
func (Delete) webhookCommand()         {}
func (RequestRedrive) webhookCommand() {}
func (RequestReplay) webhookCommand()  {}

// MaxOverlap is the longest that two secrets sign side by side.
const MaxOverlap = 7 * 24 * time.Hour

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Register); ok {
		return register(s, c)
	}
	if s.Status == "" || s.Status == StatusDeleted {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Change:
		return change(s, c)
	case Enable:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusEnabled {
			return nil, err
		}
		return []Event{Enabled{strings.TrimSpace(c.Reason), c.At}}, nil
	case Disable:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil || s.Status == StatusDisabled {
			return nil, err
		}
		return []Event{Disabled{strings.TrimSpace(c.Reason), c.At}}, nil
	case RotateSecret:
		return rotate(c)
	case Delete:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		return []Event{Deleted{s.Slot, strings.TrimSpace(c.Reason), c.At}}, nil
	case RequestRedrive:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		if s.Status != StatusEnabled {
			return nil, ErrNotEnabled
		}
		return []Event{RedriveRequested{strings.TrimSpace(c.Reason), c.At}}, nil
	case RequestReplay:
		return requestReplay(s, c)
	}
	return nil, domain.Invalid("webhook.command_unknown", "a webhook does not know this command")
}

func register(s State, c Register) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	problems := domain.CheckLine("/id", c.ID, 255)
	problems = append(problems, c.Target.check()...)
	problems = append(problems, c.Secret.check()...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if c.Slot < 1 || c.Slot > MaxPerTenant {
		return nil, ErrTooMany
	}
	t := c.Target
	return []Event{Registered{c.ID, c.Slot, t.URL, t.Description, append([]Topic{}, t.Topics...), t.Filter, c.Secret, c.At}}, nil
}

func change(s State, c Change) ([]Event, error) {
	t := c.Target
	if t.URL == s.URL {
		t.PlainHTTP = true // it was allowed, and changing the rest does not depend on it
	}
	if err := invalid(t.check()); err != nil {
		return nil, err
	}
	if t.URL == s.URL && t.Description == s.Description && slices.Equal(t.Topics, s.Topics) && t.Filter == s.Filter {
		return nil, nil
	}
	return []Event{Changed{t.URL, t.Description, append([]Topic{}, t.Topics...), t.Filter, c.At}}, nil
}

func rotate(c RotateSecret) ([]Event, error) {
	problems := c.Secret.check()
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		problems = append(problems, domain.FieldError{Field: "/overlap_seconds", Code: "out_of_range", Message: "must be from 0 to 604800 (7 days)"})
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	return []Event{SecretRotated{c.Secret, c.At.Add(c.Overlap), c.At}}, nil
}

func requestReplay(s State, c RequestReplay) ([]Event, error) {
	problems := domain.CheckLine("/replay_id", c.ReplayID, 255)
	if c.FromPosition < 1 {
		problems = append(problems, domain.FieldError{Field: "/from_position", Code: "out_of_range", Message: "must be 1 or more"})
	}
	if c.ToPosition < c.FromPosition {
		problems = append(problems, domain.FieldError{Field: "/from_position", Code: "beyond_log", Message: "must not lie behind the last position to replay, which is at most the end of the log"})
	}
	problems = append(problems, domain.CheckReason(c.Reason, false)...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if s.Status != StatusEnabled {
		return nil, ErrNotEnabled
	}
	return []Event{ReplayRequested{c.ReplayID, c.FromPosition, c.ToPosition, strings.TrimSpace(c.Reason), c.At}}, nil
}

func (s Secret) check() []domain.FieldError {
	return append(domain.CheckLine("/secret/id", s.ID, 255), domain.CheckLine("/secret/fingerprint", s.Fingerprint, 64)...)
}
