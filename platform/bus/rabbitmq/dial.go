package rabbitmq

import (
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTime  = 5 * time.Second // for each of: the connection, RabbitMQ's greeting, a write
	heartbeat = 5 * time.Second // a silent peer is given up after three
)

func (k *Connection) dial() (*amqp.Connection, error) {
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(k.config.Name)
	return amqp.DialConfig(k.config.URL, amqp.Config{
		Heartbeat:  heartbeat,
		Properties: properties,
		Locale:     "en_US",
		Dial: func(network, address string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialTime}
			conn, err := dialer.DialContext(k.ctx, network, address)
			if err != nil {
				return nil, err
			}
			// The client lifts it when the greeting is over.
			return hasty{conn}, conn.SetDeadline(time.Now().Add(dialTime))
		},
	})
}

// hasty gives up a connection that takes no bytes: the client would wait for as
// long as the peer lives, with everybody who publishes behind it.
type hasty struct{ net.Conn }

func (c hasty) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(dialTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
