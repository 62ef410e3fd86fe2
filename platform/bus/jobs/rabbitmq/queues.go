package rabbitmq

import (
	"encoding/json"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus/jobs"
)

// queueLife is how long a queue is kept that nobody uses.
const queueLife = 7 * 24 * time.Hour

// queues names and declares the queues. RabbitMQ refuses a queue of other
// arguments under a known name: a change here needs new names.
type queues struct{ prefix string }

func (q queues) name(kind string) string { return q.prefix + ".jobs." + kind }

func (q queues) declare(ch *amqp.Channel, kind string) (amqp.Queue, error) {
	return ch.QueueDeclare(q.name(kind), true, false, false, false, amqp.Table{
		amqp.QueueTypeArg: amqp.QueueTypeQuorum, amqp.QueueTTLArg: queueLife.Milliseconds(),
	})
}

func encode(ref jobs.Ref) (amqp.Publishing, error) {
	body, err := json.Marshal(ref)
	return amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: body}, err
}

func decode(d amqp.Delivery) (ref jobs.Ref, err error) {
	return ref, json.Unmarshal(d.Body, &ref)
}
