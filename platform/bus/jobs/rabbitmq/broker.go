package rabbitmq

import (
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/rabbitmq"
)

// broker implements jobs.Broker.
type broker struct {
	publisher rabbitmq.Publisher
	queues    queues
}

// Consumers implements jobs.Broker.
func (b *broker) Consumers(kind string) (int, error) {
	ch, _, err := b.publisher.Channel()
	if err != nil {
		return 0, err
	}
	declared, err := b.queues.declare(ch, kind)
	return declared.Consumers, err
}

// Publish implements jobs.Broker.
func (b *broker) Publish(kind string, refs []jobs.Ref) error {
	out := make([]rabbitmq.Outgoing, len(refs))
	for i, ref := range refs {
		m, err := encode(ref)
		if err != nil {
			return err
		}
		out[i] = rabbitmq.Outgoing{Key: b.queues.name(kind), Message: m}
	}
	return b.publisher.Publish("", out) // the default exchange leads to the queue of the name
}
