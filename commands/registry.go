package commands

import (
	"encoding/json"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/ownership"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/space"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// Registry knows every event of every aggregate.
func Registry() *eventstore.Registry {
	var all []eventstore.Payload
	all = appendPayloads(all, tenant.Events())
	all = appendPayloads(all, space.Events())
	all = appendPayloads(all, projection.Events())
	all = appendPayloads(all, subject.Events())
	all = appendPayloads(all, webhook.Events())
	all = appendPayloads(all, job.Events())
	all = appendPayloads(all, user.Events())
	all = appendPayloads(all, session.Events())
	all = appendPayloads(all, client.Events())
	all = appendPayloads(all, member.Events())
	all = appendPayloads(all, ownership.Events())
	all = appendPayloads(all, role.Events())
	all = appendPayloads(all, invite.Events())
	all = appendPayloads(all, apikey.Events())
	all = appendPayloads(all, serviceaccount.Events())
	all = appendPayloads(all, provider.Events())
	all = appendPayloads(all, maildomain.Events())
	r := eventstore.NewRegistry(all...)
	// Before version 2 no session was confined to a tenant, and no provider had an audience.
	for _, typ := range []string{session.Started{}.EventType(), provider.Added{}.EventType(), provider.Changed{}.EventType()} {
		r.Upcast(typ, 1, func(data json.RawMessage) (json.RawMessage, error) { return data, nil })
	}
	return r
}

func appendPayloads[E eventstore.Payload](all []eventstore.Payload, events []E) []eventstore.Payload {
	for _, e := range events {
		all = append(all, e)
	}
	return all
}
