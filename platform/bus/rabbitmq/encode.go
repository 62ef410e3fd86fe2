package rabbitmq

import (
	watermillamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// On the wire a message is what watermill-amqp makes of it, so other programs
// with Watermill can read along. It is not marked persistent: a quorum queue is
// durable all the same, and no other queue needs it.
var marshaler = watermillamqp.DefaultMarshaler{NotPersistentDeliveryMode: true}

func encode(m *message.Message) (amqp.Publishing, error) { return marshaler.Marshal(m) }

// decode leaves out headers that are no text, such as the x-delivery-count that
// a quorum queue adds to a message that comes again: the marshaler refuses them.
func decode(d amqp.Delivery) (*message.Message, error) {
	headers := make(amqp.Table, len(d.Headers))
	for key, value := range d.Headers {
		if text, ok := value.(string); ok {
			headers[key] = text
		}
	}
	d.Headers = headers
	return marshaler.Unmarshal(d)
}
