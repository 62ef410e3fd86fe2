package commands

import "tansu.cloud/domain/identity/invite"

// PermissionManageInvites is needed to invite people and to take that back.
const PermissionManageInvites = "invites.manage"

var invites = aggregate[invite.State, invite.Command, invite.Event]{
	streamType:   invite.StreamType,
	stateVersion: invite.StateVersion,
	personal:     true,
	decide:       invite.Decide,
	apply:        invite.Apply,
}

type inviteUseCase[In any] = useCase[In, invite.State, invite.Command, invite.Event]
