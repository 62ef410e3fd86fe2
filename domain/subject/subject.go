// Package subject is the aggregate of a data subject whose personal data was
// erased. It only remembers that and why; the key that sealed the data is
// destroyed by the append that carries the event.
package subject

import (
	"strings"

	"tansu.cloud/domain"
)

// StreamType is the type of a data subject's stream; the stream's id is the
// subject's.
const StreamType = "subject"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// State says whether a data subject was erased.
type State struct {
	Subject string `json:"subject"`
	Erased  bool   `json:"erased"`
}

// Event is something that happened to a data subject.
type Event interface {
	EventType() string
	SchemaVersion() int
	subjectEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Erased{}} }

// Erased: the subject's personal data can never be read again.
type Erased struct {
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

func (Erased) EventType() string  { return "subject.erased" }
func (Erased) SchemaVersion() int { return 1 }
func (Erased) subjectEvent()      {}

// Command is something to do to a data subject.
type Command interface{ subjectCommand() }

// Erase destroys the means to read the subject's personal data.
type Erase struct{ Subject, Reason string }

func (Erase) subjectCommand() {}

// maxSubject is the most bytes of a subject's id, as of any stream's.
const maxSubject = 255

// Decide says which events a command causes; a second erasure causes none.
func Decide(s State, c Command) ([]Event, error) {
	erase, ok := c.(Erase)
	if !ok {
		return nil, domain.Invalid("subject.command_unknown", "a data subject does not know this command")
	}
	problems := domain.CheckLine("/subject", erase.Subject, maxSubject)
	if len(problems) == 0 && len(erase.Subject) > maxSubject {
		problems = []domain.FieldError{{Field: "/subject", Code: "too_long", Message: "is longer than 255 bytes"}}
	}
	problems = append(problems, domain.CheckReason(erase.Reason, false)...)
	if len(problems) > 0 {
		return nil, domain.Invalid("subject.command_invalid", "the command has invalid fields", problems...)
	}
	if s.Erased {
		return nil, nil
	}
	return []Event{Erased{erase.Subject, strings.TrimSpace(erase.Reason)}}, nil
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	if e, ok := e.(Erased); ok {
		return State{Subject: e.Subject, Erased: true}
	}
	return s
}
