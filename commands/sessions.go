package commands

import "tansu.cloud/domain/identity/session"

var sessions = aggregate[session.State, session.Command, session.Event]{
	streamType:   session.StreamType,
	stateVersion: session.StateVersion,
	systemOnly:   true,
	decide:       session.Decide,
	apply:        session.Apply,
}

type sessionUseCase[In any] = useCase[In, session.State, session.Command, session.Event]
