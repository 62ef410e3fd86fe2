package rest_test

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/oidc"
)

// consent is somebody's.
type consent struct {
	user uuid.UUID
	oidc.Consent
}

func (v *vault) Consents(_ context.Context, user uuid.UUID) (list []oidc.Consent, _ error) {
	v.locked(func() {
		for _, c := range v.consents {
			if c.user == user {
				list = append(list, c.Consent)
			}
		}
	})
	return list, nil
}

func (v *vault) Withdraw(_ context.Context, by oidc.Visitor, user uuid.UUID, clientID string, tenant uuid.UUID) (err error) {
	v.locked(func() {
		before := len(v.consents)
		v.consents = slices.DeleteFunc(v.consents, func(c consent) bool { return c.user == user && c.ClientID == clientID && c.Tenant == tenant })
		if err = oidc.ErrNoConsent; len(v.consents) < before {
			err, v.withdrawnBy = nil, by
		}
	})
	return err
}

// letIn has somebody let an application in, and returns where that is withdrawn.
func (r *rig) letIn(p person, tenant string) (path string) {
	r.t.Helper()
	of := oidc.Consent{
		ClientID: uuid.NewString(), Client: "Shop", Tenant: r.tenantID(tenant), Scope: []string{"openid"}, Sites: []string{"https://shop.example.com"},
		GrantedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	r.vault.locked(func() { r.vault.consents = append(r.vault.consents, consent{p.user, of}) })
	return "/v1/consents/" + of.ClientID + "/" + of.Tenant.String()
}
