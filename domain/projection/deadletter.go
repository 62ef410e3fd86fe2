package projection

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"tansu.cloud/domain"
)

// MaxDeadLetters is the most open dead letters of a projection. It bounds the
// state, and lets a switch discard those of the old generation in one append.
const MaxDeadLetters = 900

// maxError is the most bytes that are kept of an error's text.
const maxError = 4000

func parkStream(s State, c ParkStream) ([]Event, error) {
	if err := invalid(checkParkStream(c)); err != nil {
		return nil, err
	}
	if c.Generation != s.Active.Generation && (s.Building == nil || c.Generation != s.Building.Generation) {
		return nil, ErrGenerationGone
	}
	known, repeated := s.DeadLetters[c.DeadLetterID]
	if repeated && c.Attempts <= known.Attempts {
		return nil, nil
	}
	if !repeated {
		if len(s.DeadLetters) >= MaxDeadLetters {
			return nil, ErrTooManyDeadLetters
		}
		for _, other := range s.DeadLetters {
			if other.Generation == c.Generation && other.TenantID == c.TenantID &&
				other.StreamType == c.StreamType && other.StreamID == c.StreamID {
				return nil, ErrAlreadyParked
			}
		}
	}
	return []Event{StreamParked{
		DeadLetterID: c.DeadLetterID, Generation: c.Generation,
		TenantID: c.TenantID, StreamType: c.StreamType, StreamID: c.StreamID,
		Position: c.Position, Version: c.Version,
		FailedEventID: c.EventID, FailedEventType: c.EventType,
		Error: cleanError(c.Error), Attempts: c.Attempts,
	}}, nil
}

func checkParkStream(c ParkStream) []domain.FieldError {
	var problems []domain.FieldError
	for _, f := range []struct{ field, value string }{
		{"/dead_letter_id", c.DeadLetterID}, {"/tenant_id", c.TenantID},
		{"/stream_type", c.StreamType}, {"/stream_id", c.StreamID},
		{"/event_id", c.EventID}, {"/event_type", c.EventType},
	} {
		if f.value == "" {
			problems = append(problems, domain.FieldError{Field: f.field, Code: "required", Message: "must not be empty"})
		}
	}
	for _, f := range []struct {
		field string
		value int64
	}{{"/position", c.Position}, {"/version", c.Version}, {"/attempts", int64(c.Attempts)}} {
		if f.value < 1 {
			problems = append(problems, domain.FieldError{Field: f.field, Code: "out_of_range", Message: "must be 1 or more"})
		}
	}
	return problems
}

// cleanError makes any error text fit for a text column.
func cleanError(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
	if len(text) <= maxError {
		return text
	}
	cut := maxError
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

func requestRedrive(s State, c RequestRedrive) ([]Event, error) {
	letter, open := s.DeadLetters[c.DeadLetterID]
	switch {
	case !open:
		return nil, ErrDeadLetterNotFound
	case letter.Status == StatusRedriving:
		return nil, nil
	}
	return []Event{RedriveRequested(c)}, nil
}

func resolveStream(s State, c ResolveStream) ([]Event, error) {
	if c.Applied < 0 {
		return nil, invalid([]domain.FieldError{{Field: "/applied", Code: "out_of_range", Message: "must be 0 or more"}})
	}
	if _, open := s.DeadLetters[c.DeadLetterID]; !open {
		return nil, nil
	}
	return []Event{StreamResolved(c)}, nil
}

func discard(s State, c Discard) ([]Event, error) {
	if err := invalid(domain.CheckReason(c.Reason, true)); err != nil {
		return nil, err
	}
	letter, open := s.DeadLetters[c.DeadLetterID]
	switch {
	case !open:
		return nil, ErrDeadLetterNotFound
	case letter.Status == StatusRedriving:
		return nil, ErrRedriving
	}
	return []Event{DeadLetterDiscarded{c.DeadLetterID, strings.TrimSpace(c.Reason)}}, nil
}

// discardAll closes the dead letters of a generation whose tables go away.
func discardAll(s State, generation int, reason string) []Event {
	var events []Event
	for _, id := range slices.Sorted(maps.Keys(s.DeadLetters)) {
		if s.DeadLetters[id].Generation == generation {
			events = append(events, DeadLetterDiscarded{id, reason})
		}
	}
	return events
}
