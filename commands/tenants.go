package commands

import "tansu.cloud/domain/tenant"

// PermissionWriteTenants is needed for everything on an existing tenant.
const PermissionWriteTenants = "tenants.write"

var tenants = aggregate[tenant.State, tenant.Command, tenant.Event]{
	streamType:   tenant.StreamType,
	stateVersion: tenant.StateVersion,
	systemOnly:   true,
	decide:       tenant.Decide,
	apply:        tenant.Apply,
}

type tenantUseCase[In any] = useCase[In, tenant.State, tenant.Command, tenant.Event]
