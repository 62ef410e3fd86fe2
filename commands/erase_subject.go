package commands

import (
	"time"

	"tansu.cloud/domain/subject"
)

// PermissionEraseSubjects is needed to erase a data subject.
const PermissionEraseSubjects = "subjects.erase"

var subjects = aggregate[subject.State, subject.Command, subject.Event]{
	streamType:   subject.StreamType,
	stateVersion: subject.StateVersion,
	decide:       subject.Decide,
	apply:        subject.Apply,
}

// EraseSubject destroys the key that seals a data subject's personal data, so
// that nobody can read it again. The event commits together with it.
type EraseSubject struct{ Reason string }

func eraseSubject(p *pipeline) Handler[EraseSubject, subject.State] {
	return handle(p, useCase[EraseSubject, subject.State, subject.Command, subject.Event]{
		name:       "EraseSubject",
		permission: PermissionEraseSubjects,
		aggregate:  subjects,
		reason:     func(c EraseSubject) string { return c.Reason },
		command: func(r Request[EraseSubject], _ time.Time) subject.Command {
			return subject.Erase{Subject: r.Stream, Reason: r.Command.Reason}
		},
		erases: func(r Request[EraseSubject]) []string { return []string{r.Stream} },
	})
}
