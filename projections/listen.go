package projections

import (
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// MessageHead tells whose log a message on [Topic] is about and up to where,
// without decoding its events.
func MessageHead(m *message.Message) (tenant uuid.UUID, position int64, err error) {
	if tenant, err = messageTenant(m); err != nil {
		return tenant, 0, err
	}
	position, err = strconv.ParseInt(m.Metadata.Get(keyPosition), 10, 64)
	if err != nil || position < 1 {
		return tenant, 0, fmt.Errorf("%s is %q, expected a position", keyPosition, m.Metadata.Get(keyPosition))
	}
	return tenant, position, nil
}

// DecodeMessage returns the run of events in a message of a tenant, which ends
// at the position that MessageHead tells. Without events the message is a hint.
func DecodeMessage(tenant uuid.UUID, m *message.Message) ([]eventstore.Event, error) {
	r, err := decodeRun(tenant, m)
	if err != nil {
		return nil, err
	}
	return r.events, nil
}
