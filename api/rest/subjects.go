package rest

import (
	"context"
	"net/http"

	"tansu.cloud/commands"
	"tansu.cloud/domain/subject"
	"tansu.cloud/eventstore"
)

// Subject is a data subject as far as the log knows it.
type Subject struct {
	ID      string `json:"id" doc:"Id of the data subject." example:"user-4711"`
	Erased  bool   `json:"erased" doc:"Whether what was sealed for the subject can never be read again." example:"true"`
	Version int64  `json:"version" doc:"Of the subject's stream; the ETag." example:"1"`
}

type eraseSubjectInput struct {
	ID string `path:"id" maxLength:"255" doc:"Id of the data subject, as events name it." example:"user-4711"`
	ChangeHeaders
	Body *OptionalReasonBody
}

type subjectOutput struct {
	Status int
	Written
	Body Subject
}

func (s *server) subjectRoutes() {
	register(s, endpoint{
		route: route{permission: commands.PermissionEraseSubjects, tenant: true},
		id:    "erase-subject", method: http.MethodPost, path: "/v1/subjects/{id}/erase", tag: "Data subjects",
		summary: "Erase a data subject",
		description: "Destroys the key that seals the subject's personal data in the tenant's log, for ever. " +
			"Events stay, and the hash chain with them, but their personal fields read as empty. " +
			"A subject that was never heard of is refused a key from then on. The body may be left out.",
	}, func(ctx context.Context, in *eraseSubjectInput) (*subjectOutput, error) {
		sent, err := send(ctx, s, s.Commands.EraseSubject, in.ChangeHeaders, http.StatusOK, order[commands.EraseSubject]{
			tenant:  callOf(ctx).tenant,
			stream:  eventstore.Stream{Type: subject.StreamType, ID: in.ID},
			command: commands.EraseSubject{Reason: in.Body.text()},
		})
		if err != nil {
			return nil, err
		}
		return &subjectOutput{Status: sent.status, Written: sent.Written, Body: Subject{
			ID: in.ID, Erased: sent.state.Erased, Version: sent.version,
		}}, nil
	})
}
