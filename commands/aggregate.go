package commands

import (
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

// aggregate ties a domain package to its streams: S is its state, C its command
// interface and E its event interface.
type aggregate[S, C any, E eventstore.Payload] struct {
	streamType   string
	stateVersion int  // of snapshots; see eventstore.Snapshot
	systemOnly   bool // it lives in the system tenant's log only
	personal     bool // the state holds personal data, so it is stored nowhere but in sealed events
	decide       func(S, C) ([]E, error)
	apply        func(S, E) S
}

func (a aggregate[S, C, E]) stream(id string) eventstore.Stream {
	return eventstore.Stream{Type: a.streamType, ID: id}
}

var errSystemOnly = domain.Forbidden("system_tenant_only",
	"tenants, projections, users, sessions, OAuth clients and mail domains live in the system tenant's log; send the command there")
