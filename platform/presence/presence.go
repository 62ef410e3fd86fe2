// Package presence carries what clients tell each other and what no log keeps:
// who is in a channel, and messages from client to client. Local serves one
// process; Redis serves all processes of an installation, and falls back to
// local, saying so, while Redis is away. Both pass presencetest.
package presence

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
)

// Bounds of one tenant's use; exceeding them is an error that wraps ErrFull.
const (
	MaxChannels    = 10_000   // of a tenant with members
	MaxMembers     = 1_000    // of a channel
	MaxPayload     = 16 << 10 // bytes of a broadcast
	MaxState       = 1 << 10  // bytes of a member's state
	MaxChannelName = 200      // characters
)

// ErrFull: the tenant, the channel or the message has reached a bound.
var ErrFull = errors.New("a bound of channels is reached")

// Channel is a meeting place of a tenant's clients.
type Channel struct {
	Tenant uuid.UUID
	Name   string
}

// Member is a client in a channel. One principal may be there several times.
type Member struct {
	ID    string          `json:"id"`    // of the connection, unique in the installation
	Actor string          `json:"actor"` // principal
	State json.RawMessage `json:"state,omitempty"`
}

// Message is something that happened in a channel.
type Message struct {
	Kind   string          `json:"kind"` // KindJoined, KindLeft or KindBroadcast
	Member Member          `json:"member"`
	Data   json.RawMessage `json:"data,omitempty"` // of a broadcast
}

// Kinds of messages.
const (
	KindJoined    = "joined" // or changed its state
	KindLeft      = "left"
	KindBroadcast = "broadcast"
)

// Channels is the engine. Deliveries are at most once: what a listener misses is
// gone. What is passed in is kept and shared, and must not be changed afterwards.
// Safe for concurrent use.
type Channels interface {
	// Join puts a member into a channel, or replaces its state, until Leave, or
	// until the process dies (then within 15 s). It is announced to all who
	// listen, in this process before Join returns.
	Join(ctx context.Context, c Channel, m Member) error
	// Leave takes a member out; it is no error if it was not there.
	Leave(ctx context.Context, c Channel, memberID string) error
	// Members lists a channel, ordered by id. What happens meanwhile may be in the
	// list already and be announced still: apply what a listener has received since
	// its Listen after the list, in order, and the result is right.
	Members(ctx context.Context, c Channel) ([]Member, error)
	// Broadcast sends data to all who listen, in the order in which one caller
	// sends.
	Broadcast(ctx context.Context, c Channel, from Member, data json.RawMessage) error
	// Listen calls fn for every message of a channel until stop is called; one that
	// is under way then may still arrive. fn is called from many goroutines, holds
	// no lock of the engine, and must not block.
	Listen(c Channel, fn func(Message)) (stop func())
}
