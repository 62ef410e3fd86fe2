// Package bus carries committed events from the relay to projections, sagas and
// feeds as Watermill messages. It is a carrier, not a store: whoever listens
// finds what the bus lost, repeated or reordered in the log. InProcess is the
// embedded bus, package rabbitmq the distributed one; bustest is what both pass.
package bus

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Partitions is how many parts the tenants are divided into. What is partitioned
// (queues, leases) relies on it, so it is for ever.
const Partitions = 8

// PartitionOf tells a tenant's partition from the text of its id.
func PartitionOf(tenantID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenantID)) // never fails
	return int(h.Sum32() % Partitions)
}

// TenantKey is the metadata key of a message that holds the id of its tenant.
const TenantKey = "tenant_id"

// MaxPayload bounds the payload of a message. Publishers refuse a larger one;
// who has more to say names it, and the subscriber fetches it.
const MaxPayload = 4 << 20

// ErrTooLarge: a message whose payload exceeds MaxPayload.
var ErrTooLarge = fmt.Errorf("the message exceeds %d bytes", MaxPayload)

// ErrClosed: the bus was closed.
var ErrClosed = errors.New("the bus is closed")

// Bus carries messages to processes. Each message has its tenant under
// TenantKey. Messages may be lost, repeated and reordered; while nothing fails,
// those of one publisher arrive once and in order. A subscriber gets its next
// message when it has answered the last one. One that is not acknowledged comes
// again, to whom it may concern by then.
type Bus interface {
	message.Publisher
	// Fanout returns a subscriber that gets every message from its Subscribe on.
	// Closing it ends its subscriptions only.
	Fanout() message.Subscriber
	// Queue returns a subscriber that shares the messages of one partition of the
	// tenants with all subscribers of the same name, in whichever process.
	Queue(name string, partition int) message.Subscriber
}
