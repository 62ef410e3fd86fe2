package rest_test

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/domain/tenant"
)

// usageModel counts the members of a tenant.
type usageModel struct{ *identityModel }

func (m usageModel) All(_ context.Context, owner uuid.UUID) (map[string]int64, error) {
	return map[string]int64{tenant.QuotaMembers: int64(len(m.members(owner)))}, nil
}
