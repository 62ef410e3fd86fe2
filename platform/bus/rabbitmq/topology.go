package rabbitmq

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus"
)

// Bounds of what waits in RabbitMQ for a subscriber that is slow or away. What
// is dropped at the head of a queue is read from the log. RabbitMQ refuses a
// queue of other arguments under a known name: a change here needs new names.
const (
	queueMessages = 10_000
	queueBytes    = 64 << 20
	queueLife     = 7 * 24 * time.Hour // without a subscriber
)

// topology names what this package declares. There is one exchange, whose
// routing keys are topic.partition.
type topology struct{ prefix string }

func (t topology) exchange() string { return t.prefix }

func routingKey(topic, partition string) string { return topic + "." + partition }

// queue is what a subscription reads from.
type queue struct {
	name      string // empty: RabbitMQ chooses
	key       string
	durable   bool
	arguments amqp.Table
}

// fanout is a queue of one connection, which ends with it.
func (t topology) fanout(topic string) queue {
	return queue{key: routingKey(topic, "*"), arguments: amqp.Table{
		amqp.QueueTypeArg: amqp.QueueTypeClassic, amqp.QueueMaxLenArg: queueMessages, amqp.QueueMaxLenBytesArg: queueBytes,
	}}
}

func (t topology) shared(topic, name string, partition int) queue {
	return queue{
		name:    fmt.Sprintf("%s.%s.%s.p%d", t.prefix, topic, name, partition),
		key:     routingKey(topic, fmt.Sprint(partition)),
		durable: true,
		arguments: amqp.Table{
			amqp.QueueTypeArg: amqp.QueueTypeQuorum, amqp.QueueMaxLenArg: queueMessages, amqp.QueueMaxLenBytesArg: queueBytes,
			amqp.QueueOverflowArg: amqp.QueueOverflowDropHead, amqp.QueueTTLArg: queueLife.Milliseconds(),
		},
	}
}

func (t topology) declareExchange(ch *amqp.Channel) error {
	return ch.ExchangeDeclare(t.exchange(), amqp.ExchangeTopic, true, false, false, false, nil)
}

// declare makes a queue that is bound, and returns its name.
func (t topology) declare(ch *amqp.Channel, q queue) (string, error) {
	if err := t.declareExchange(ch); err != nil {
		return "", err
	}
	temporary := !q.durable
	declared, err := ch.QueueDeclare(q.name, q.durable, temporary, temporary, false, q.arguments)
	if err != nil {
		return "", err
	}
	return declared.Name, ch.QueueBind(declared.Name, q.key, t.exchange(), false, nil)
}

func partitionKey(topic, tenant string) string {
	return routingKey(topic, fmt.Sprint(bus.PartitionOf(tenant)))
}
