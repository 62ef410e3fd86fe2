package commands

import (
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// Registry knows every event of every aggregate.
func Registry() *eventstore.Registry {
	var all []eventstore.Payload
	all = appendPayloads(all, tenant.Events())
	all = appendPayloads(all, projection.Events())
	all = appendPayloads(all, subject.Events())
	all = appendPayloads(all, webhook.Events())
	all = appendPayloads(all, job.Events())
	return eventstore.NewRegistry(all...)
}

func appendPayloads[E eventstore.Payload](all []eventstore.Payload, events []E) []eventstore.Payload {
	for _, e := range events {
		all = append(all, e)
	}
	return all
}
