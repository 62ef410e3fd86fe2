// Package bustest is the contract of bus.Bus as tests: one suite that every bus
// passes. Buses call [Run] from a test of their own. [Chaos] plays the worst bus
// that the contract allows, for tests of those who listen.
package bustest

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
)

const topic = "events"

// Open returns a new bus as two processes have it: the same value twice for a
// bus inside one process. It closes what it opened at the test's cleanup.
type Open func(t *testing.T) (here, there bus.Bus)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, bus.Bus, bus.Bus){
		"every subscriber of a fan-out gets everything in order": fanoutToAll,
		"a message of a queue goes to one of its subscribers":    queueToOne,
		"a queue holds one partition of the tenants":             queueOfPartition,
		"concurrent publishers keep their order":                 orderOfPublishers,
		"a message that is not acknowledged comes again":         nacked,
		"an unanswered message goes to another subscriber":       unanswered,
		"closing a subscriber ends its subscriptions only":       closedSubscriber,
		"a cancelled context ends its subscription":              cancelledSubscription,
		"closing the bus ends everything":                        closedBus,
		"messages arrive byte for byte":                          content,
		"a payload beyond the bound is refused":                  tooLarge,
		"nobody needs to listen":                                 noSubscriber,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there := open(t)
			test(t, here, there)
		})
	}
}

// TenantIn returns a tenant of a partition.
func TenantIn(partition int) string {
	for {
		if id := uuid.NewString(); bus.PartitionOf(id) == partition {
			return id
		}
	}
}

// NewMessage returns a message of a tenant with an id and a payload of its own.
func NewMessage(tenant, id string) *message.Message {
	m := message.NewMessage(id, []byte("payload of "+id))
	m.Metadata.Set(bus.TenantKey, tenant)
	return m
}

// publish sends messages with the ids prefix-0, prefix-1 and so on, one by one.
func publish(t *testing.T, p message.Publisher, tenant, prefix string, n int) {
	t.Helper()
	for _, id := range ids(prefix, n) {
		require.NoError(t, p.Publish(topic, NewMessage(tenant, id)))
	}
}

func ids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return all
}

func subscribe(t *testing.T, s message.Subscriber) <-chan *message.Message {
	t.Helper()
	in, err := s.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	return in
}
