package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Member is a connection in a channel.
type Member struct {
	ID    string          `json:"id"`
	Actor string          `json:"actor"`
	State json.RawMessage `json:"state,omitempty"`
}

// ChannelEvent is something that happened in a channel; one field is set.
type ChannelEvent struct {
	Joined  *Member // came, or changed its state
	Left    *Member
	Members []Member // the whole list anew, after changes were dropped
	Message *ChannelMessage
	Refused *Error // what was sent before, such as too much of it
}

// ChannelMessage was sent by a member.
type ChannelMessage struct {
	From Member
	Data json.RawMessage
}

// Channel is a place in a channel. Broadcast may be called by any goroutine,
// Receive by one at a time.
type Channel struct {
	conn    *connection
	name    string
	members []Member
}

// Join enters a channel with a state that the others see, which may be nil. The
// place is held until Close, the end of ctx or the loss of the connection; who
// wants to stay joins again.
func (c *Client) Join(ctx context.Context, channel string, state any) (_ *Channel, err error) {
	join := joinFrame{Type: "join", Channel: channel}
	if state != nil {
		if join.State, err = json.Marshal(state); err != nil {
			return nil, fmt.Errorf("encode the state: %w", err)
		}
	}
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.close()
		}
	}()
	if err := conn.send(join); err != nil {
		return nil, err
	}
	for {
		f, err := conn.read()
		switch {
		case err != nil:
			return nil, err
		case f.Type == "presence" && f.Joined == nil && f.Left == nil:
			return &Channel{conn: conn, name: channel, members: f.Members}, nil
		case f.Type == "error":
			return nil, refusal(f)
		}
	}
}

// ID of this member.
func (c *Channel) ID() string { return c.conn.id }

// Members that were there after this one came.
func (c *Channel) Members() []Member { return slices.Clone(c.members) }

// Broadcast sends data to everyone in the channel.
func (c *Channel) Broadcast(data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode the data: %w", err)
	}
	return c.conn.send(broadcastFrame{Type: "broadcast", Channel: c.name, Data: raw})
}

// Receive waits for the next thing to happen. An error ends the place.
func (c *Channel) Receive() (ChannelEvent, error) {
	for {
		f, err := c.conn.read()
		if err != nil {
			return ChannelEvent{}, err
		}
		switch f.Type {
		case "presence":
			return ChannelEvent{Joined: f.Joined, Left: f.Left, Members: f.Members}, nil
		case "message":
			return ChannelEvent{Message: &ChannelMessage{From: f.From, Data: f.Data}}, nil
		case "error":
			return ChannelEvent{Refused: &Error{Code: f.Code, Detail: f.Detail, Fields: f.Errors}}, nil
		case "expiring":
			if err := c.conn.refresh(); err != nil {
				return ChannelEvent{}, err
			}
		}
	}
}

// Close leaves the channel.
func (c *Channel) Close() { c.conn.close() }
