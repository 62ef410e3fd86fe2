package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
)

// permissionManageOwners comes with the role owner alone, so that only owners
// make and unmake owners.
const permissionManageOwners = "owners.manage"

var (
	errOwnersOnly = domain.Forbidden("grant.owners_only", "only an owner may give or take the role owner")
	errFirstParty = domain.Forbidden("grant.owners_only",
		"only an owner may make or change a first-party client, which acts for people without asking them; register it without first_party, or ask an owner")
	errStaff = domain.Forbidden("grant.exceeds_own", "this user is one of the platform's staff and may do what you may not; ask somebody who may")
)

// mayGrant refuses permissions that the caller does not have: what somebody
// makes can never do more than they can.
func mayGrant(caller Caller, permissions []string) error {
	for _, name := range permissions {
		if !caller.permitted(name) {
			return domain.Forbidden("grant.exceeds_own",
				"this would grant "+name+", which you may not do yourself; leave it out, or ask somebody who may")
		}
	}
	return nil
}

// mayGiveRoles refuses roles that do not exist in the tenant and those that
// permit what the caller may not do.
func (p *pipeline) mayGiveRoles(ctx context.Context, tenant uuid.UUID, caller Caller, names []string) error {
	for _, name := range names {
		set, err := p.permissionsOf(ctx, tenant, name)
		if err != nil {
			return err
		}
		if err := mayGrant(caller, set.Names()); err != nil {
			if name == permission.Owner {
				return errOwnersOnly
			}
			return err
		}
	}
	return nil
}

// permissionsOf returns what a role permits in a tenant.
func (p *pipeline) permissionsOf(ctx context.Context, tenant uuid.UUID, name string) (permission.Set, error) {
	if set, ok := permission.OfRoleIn(tenant == eventstore.SystemTenant, name); ok {
		return set, nil
	}
	l, err := load(ctx, p, roles, tenant, name, 0)
	if err != nil {
		return permission.Set{}, err
	}
	if l.state.Status != role.StatusActive {
		return permission.Set{}, domain.Invalid("role.unknown", fmt.Sprintf("there is no role %s in this tenant", name),
			domain.FieldError{Field: "/roles", Code: "unknown", Message: "must name built-in roles or this tenant's own; GET /v1/roles lists them"})
	}
	return permission.Of(l.state.Permissions...), nil
}

// mayActAs refuses a caller who may not do all that roles permit. Roles that do
// not exist any more permit nothing.
func (p *pipeline) mayActAs(ctx context.Context, tenant uuid.UUID, caller Caller, names []string) error {
	for _, name := range names {
		set, err := p.permissionsOf(ctx, tenant, name)
		if refusal := (*domain.Error)(nil); err != nil && !errors.As(err, &refusal) {
			return err
		}
		if err := mayGrant(caller, set.Names()); err != nil {
			return err
		}
	}
	return nil
}

// mayBeFirstParty refuses whoever is no owner a client that asks nobody: they could
// have it act for an owner.
func mayBeFirstParty(caller Caller, firstParty bool) error {
	if firstParty && !caller.permitted(permissionManageOwners) {
		return errFirstParty
	}
	return nil
}

// mayLookAfter refuses a caller who manages users a hold on those of the platform's
// staff who may do more: locking them out or in, or taking what they sign in with.
func (p *pipeline) mayLookAfter(ctx context.Context, caller Caller, userID string) error {
	l, err := load(ctx, p, members, eventstore.SystemTenant, userID, 0)
	if err != nil {
		return err
	}
	err = p.mayActAs(ctx, eventstore.SystemTenant, caller, l.state.Roles)
	if refusal := (*domain.Error)(nil); errors.As(err, &refusal) {
		return errStaff
	}
	return err
}

// added returns what is in after and not in before.
func added(before, after []string) []string {
	var names []string
	for _, name := range after {
		if !slices.Contains(before, name) {
			names = append(names, name)
		}
	}
	return names
}
