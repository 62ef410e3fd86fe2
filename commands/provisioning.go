package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/space"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// PermissionProvisionTenants is the saga's that provisions tenants, and nobody
// can be granted it.
const PermissionProvisionTenants = "tenants.provision"

// CompleteProvisioningStep notes that a step of a tenant's provisioning is done.
type CompleteProvisioningStep struct {
	Step string
	// InviteID, if set, is the invite whose address the tenant's stream need not
	// know any more.
	InviteID string
}

func completeProvisioningStep(p *pipeline) Handler[CompleteProvisioningStep, tenant.State] {
	return handle(p, tenantUseCase[CompleteProvisioningStep]{
		name:       "CompleteProvisioningStep",
		permission: PermissionProvisionTenants,
		aggregate:  tenants,
		command: func(r Request[CompleteProvisioningStep], now time.Time) tenant.Command {
			return tenant.CompleteStep{Step: r.Command.Step, At: now}
		},
		erases: func(r Request[CompleteProvisioningStep]) []string {
			if r.Command.InviteID == "" {
				return nil
			}
			return []string{r.Command.InviteID}
		},
	})
}

// FailProvisioning notes that a step of a tenant's provisioning cannot be done.
type FailProvisioning struct{ Step, Error string }

func failProvisioning(p *pipeline) Handler[FailProvisioning, tenant.State] {
	return handle(p, tenantUseCase[FailProvisioning]{
		name:       "FailProvisioning",
		permission: PermissionProvisionTenants,
		aggregate:  tenants,
		command: func(r Request[FailProvisioning], now time.Time) tenant.Command {
			return tenant.FailProvisioning{Step: r.Command.Step, Error: r.Command.Error, At: now}
		},
	})
}

// ResumeProvisioning lets a tenant's provisioning go on with the step that is
// not done.
type ResumeProvisioning struct{}

func resumeProvisioning(p *pipeline) Handler[ResumeProvisioning, tenant.State] {
	return handle(p, tenantUseCase[ResumeProvisioning]{
		name:       "ResumeProvisioning",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		command: func(_ Request[ResumeProvisioning], now time.Time) tenant.Command {
			return tenant.ResumeProvisioning{At: now}
		},
	})
}

var spaces = aggregate[space.State, space.Command, space.Event]{
	streamType:   space.StreamType,
	stateVersion: space.StateVersion,
	decide:       space.Decide,
	apply:        space.Apply,
}

type spaceUseCase[In any] = useCase[In, space.State, space.Command, space.Event]

// OpenSpace begins the log of the request's tenant.
type OpenSpace struct{}

func openSpace(p *pipeline) Handler[OpenSpace, space.State] {
	open := handle(p, spaceUseCase[OpenSpace]{
		name:       "OpenSpace",
		permission: PermissionProvisionTenants,
		aggregate:  spaces,
		command: func(r Request[OpenSpace], now time.Time) space.Command {
			return space.Open{TenantID: r.Tenant.String(), At: now}
		},
	})
	return func(ctx context.Context, r Request[OpenSpace]) (Result[space.State], error) {
		r.Stream, r.Expected = space.StreamID, eventstore.AnyVersion
		return open(ctx, r)
	}
}
