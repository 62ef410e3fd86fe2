package projection

import (
	"fmt"
	"strings"

	"tansu.cloud/domain"
)

// maxName leaves room for the generation in a schema's name.
const maxName = 48

func startRebuild(s State, c StartRebuild) ([]Event, error) {
	problems := domain.CheckReason(c.Reason, false)
	if c.Version < 0 {
		problems = append(problems, domain.FieldError{Field: "/version", Code: "out_of_range", Message: "must be 1 or more, or 0 for the active version"})
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if c.Saga {
		return nil, ErrSaga
	}
	if s.Building != nil {
		return nil, ErrRebuildRunning
	}
	version := c.Version
	if version == 0 {
		version = s.Active.Version
	}
	return []Event{RebuildStarted{s.LastGeneration + 1, version, strings.TrimSpace(c.Reason)}}, nil
}

func cancelRebuild(s State, c CancelRebuild) ([]Event, error) {
	if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
		return nil, err
	}
	if s.Building == nil {
		return nil, ErrNoRebuild
	}
	gone := *s.Building
	events := discardAll(s, gone.Generation, fmt.Sprintf("the rebuild of generation %d was cancelled", gone.Generation))
	return append(events, RebuildCancelled{gone.Generation, strings.TrimSpace(c.Reason)}), nil
}

func decideSwitch(s State, c Switch) ([]Event, error) {
	target := Build{c.Generation, c.Version}
	if err := invalid(checkSwitch(c)); err != nil || target == s.Active {
		return nil, err
	}
	if !s.Exists() {
		return []Event{Activated(c)}, nil
	}
	if s.Building == nil || *s.Building != target {
		return nil, ErrNotBuilding
	}
	replaced := s.Active.Generation
	events := discardAll(s, replaced, fmt.Sprintf("generation %d was replaced by %d", replaced, c.Generation))
	return append(events, Activated(c)), nil
}

func checkSwitch(c Switch) []domain.FieldError {
	problems := domain.CheckLine("/name", c.Name, maxName)
	if strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		problems = append(problems, domain.FieldError{Field: "/name", Code: "invalid_characters", Message: "may hold a-z, 0-9 and _ only"})
	}
	if c.Generation < 1 {
		problems = append(problems, domain.FieldError{Field: "/generation", Code: "out_of_range", Message: "must be 1 or more"})
	}
	if c.Version < 1 {
		problems = append(problems, domain.FieldError{Field: "/version", Code: "out_of_range", Message: "must be 1 or more"})
	}
	return problems
}
