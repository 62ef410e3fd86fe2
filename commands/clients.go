package commands

import "tansu.cloud/domain/identity/client"

// PermissionManageClients is needed for everything that changes an OAuth client.
const PermissionManageClients = "clients.manage"

var clients = aggregate[client.State, client.Command, client.Event]{
	streamType:   client.StreamType,
	stateVersion: client.StateVersion,
	systemOnly:   true,
	decide:       client.Decide,
	apply:        client.Apply,
}

type clientUseCase[In any] = useCase[In, client.State, client.Command, client.Event]
