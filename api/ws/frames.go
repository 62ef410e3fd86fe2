// Package ws serves websockets: the protocol tansu.v1 of docs/protocol.md over
// the feed hub and the channels of presence.
package ws

import (
	"encoding/json"

	"tansu.cloud/projections/feeds"
)

// Subprotocol that a client asks for.
const Subprotocol = "tansu.v1"

// The frames are JSON objects with a type. The AsyncAPI document is made from
// these types, so every field says what it is.

// Connect is a client's first frame.
type Connect struct {
	Type   string `json:"type" enum:"connect"`
	Token  string `json:"token" doc:"Bearer token."`
	Tenant string `json:"tenant,omitempty" doc:"Whose log and channels: id or slug. Absent: as X-Tenant-Id or the sub-domain say, else that of the token, else the system tenant. With a token of a tenant's identity provider one of them must name it." example:"acme"`
}

// Refresh replaces the token of a connection.
type Refresh struct {
	Type  string `json:"type" enum:"refresh"`
	Token string `json:"token" doc:"Bearer token of the same principal."`
}

// Subscribe opens a feed.
type Subscribe struct {
	Type     string        `json:"type" enum:"subscribe"`
	ID       string        `json:"id" doc:"Names the subscription on this connection; 1 to 64 visible ASCII characters." example:"tenants"`
	Topics   []feeds.Topic `json:"topics,omitempty" doc:"Events that one of them selects are delivered; none: all events. At most 50."`
	Filter   string        `json:"filter,omitempty" doc:"Expression that an event must satisfy as well." example:"data.name != \"\""`
	From     From          `json:"from" doc:"Where to begin."`
	Coalesce bool          `json:"coalesce,omitempty" doc:"When this reader is behind, deliver only the newest event of each stream."`
}

// From is where a subscription begins; exactly one field is set.
type From struct {
	Now      bool   `json:"now,omitempty" doc:"With what comes next."`
	After    *int64 `json:"after,omitempty" doc:"After the last position already seen; 0: from the beginning." example:"42"`
	Snapshot string `json:"snapshot,omitempty" doc:"With the rows of a read model, then with everything that came after them." example:"tenants"`
}

// Unsubscribe closes a feed.
type Unsubscribe struct {
	Type string `json:"type" enum:"unsubscribe"`
	ID   string `json:"id" doc:"Of the subscription." example:"tenants"`
}

// Join enters a channel, or changes one's state in it, and lists its members.
type Join struct {
	Type    string          `json:"type" enum:"join"`
	Channel string          `json:"channel" doc:"Name of the channel; 1 to 200 characters." example:"order:42"`
	State   json.RawMessage `json:"state,omitempty" doc:"What others shall see of this member; any JSON up to 1 KiB."`
}

// Leave leaves a channel.
type Leave struct {
	Type    string `json:"type" enum:"leave"`
	Channel string `json:"channel" doc:"Name of the channel." example:"order:42"`
}

// Broadcast sends something to all in a channel that one has joined. Nothing
// keeps it.
type Broadcast struct {
	Type    string          `json:"type" enum:"broadcast"`
	Channel string          `json:"channel" doc:"Name of the channel." example:"order:42"`
	Data    json.RawMessage `json:"data" doc:"Any JSON up to 16 KiB."`
}

// Connected answers connect, and refresh.
type Connected struct {
	Type       string `json:"type" enum:"connected"`
	Connection string `json:"connection" doc:"Id of this connection; it names the member in channels." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Tenant     string `json:"tenant" doc:"Id of the tenant." example:"01926a3b-5c2d-7e1f-8a90-b1c2d3e4f506"`
	Actor      string `json:"actor" doc:"Principal of the token." example:"operator"`
	ExpiresAt  string `json:"expires_at,omitempty" doc:"When the token expires (RFC 3339); absent: never."`
}

// Expiring warns 60 s before the token expires: send refresh.
type Expiring struct {
	Type      string `json:"type" enum:"expiring"`
	ExpiresAt string `json:"expires_at" doc:"RFC 3339." example:"2026-01-31T12:00:00Z"`
}

// Subscribed answers subscribe. From here on nothing can be missed: everything
// that the subscription selects above Position will be delivered.
type Subscribed struct {
	Type     string `json:"type" enum:"subscribed"`
	ID       string `json:"id" doc:"Of the subscription." example:"tenants"`
	Position int64  `json:"position" doc:"Position of the tenant's log after which delivery begins."`
}

// Snapshot carries rows of a read model, before subscribed; a snapshot may take
// several frames.
type Snapshot struct {
	Type string            `json:"type" enum:"snapshot"`
	ID   string            `json:"id" doc:"Of the subscription." example:"tenants"`
	Rows []json.RawMessage `json:"rows" doc:"Rows as the read model's list serves them."`
}

// Events delivers. To resume after a disconnect, subscribe after Position.
type Events struct {
	Type     string            `json:"type" enum:"events"`
	ID       string            `json:"id" doc:"Of the subscription." example:"tenants"`
	Position int64             `json:"position" doc:"Everything up to here has been delivered or was not selected."`
	Events   []json.RawMessage `json:"events" doc:"CloudEvents 1.0 in order of position. None: only the position moved."`
}

// Lagged says that the reader fell behind further than is kept for it. Nothing
// is lost: delivery goes on from the log.
type Lagged struct {
	Type     string `json:"type" enum:"lagged"`
	ID       string `json:"id" doc:"Of the subscription." example:"tenants"`
	Position int64  `json:"position" doc:"Delivered so far."`
}

// Presence says who is in a channel: the whole list after join, then changes.
type Presence struct {
	Type    string           `json:"type" enum:"presence"`
	Channel string           `json:"channel" doc:"Name of the channel." example:"order:42"`
	Members []PresenceMember `json:"members,omitempty" doc:"All members, in the answer to join."`
	Joined  *PresenceMember  `json:"joined,omitempty" doc:"Who came, or changed its state."`
	Left    *PresenceMember  `json:"left,omitempty" doc:"Who went."`
}

// PresenceMember is a connection in a channel.
type PresenceMember struct {
	ID    string          `json:"id" doc:"Of the connection." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Actor string          `json:"actor" doc:"Principal." example:"operator"`
	State json.RawMessage `json:"state,omitempty" doc:"As given when joining."`
}

// Message delivers a broadcast.
type Message struct {
	Type    string          `json:"type" enum:"message"`
	Channel string          `json:"channel" doc:"Name of the channel." example:"order:42"`
	From    PresenceMember  `json:"from" doc:"Who sent it."`
	Data    json.RawMessage `json:"data" doc:"What was sent."`
}

// Unsubscribed confirms unsubscribe, or says that the server ended a
// subscription.
type Unsubscribed struct {
	Type   string `json:"type" enum:"unsubscribed"`
	ID     string `json:"id" doc:"Of the subscription." example:"tenants"`
	Code   string `json:"code,omitempty" doc:"Why, if the server ended it; codes are those of problems." example:"forbidden"`
	Detail string `json:"detail,omitempty" doc:"The same for people."`
}

// Error refuses a frame; the connection stays unless a close follows.
type Error struct {
	Type    string       `json:"type" enum:"error"`
	ID      string       `json:"id,omitempty" doc:"Of the subscription, or name of the channel, that the refused frame was about."`
	Code    string       `json:"code" doc:"Stable code; the same as of problems." example:"filter_invalid"`
	Detail  string       `json:"detail" doc:"What is wrong and how to put it right." example:"The filter cannot be understood; errors says where and how to put it right."`
	Errors  []FieldError `json:"errors,omitempty" doc:"Fields at fault."`
	RetryIn int          `json:"retry_in,omitempty" doc:"Milliseconds after which it may be tried again, if it may."`
}

// FieldError points at a field of the refused frame.
type FieldError struct {
	Pointer string `json:"pointer" doc:"JSON pointer." example:"/from/after"`
	Code    string `json:"code" doc:"What is wrong." example:"too_large"`
	Message string `json:"message" doc:"How to put it right." example:"must be a position of the log"`
}

// Closing announces that the server will close the connection; resume elsewhere
// after RetryIn with the positions at hand.
type Closing struct {
	Type    string `json:"type" enum:"closing"`
	Code    string `json:"code" doc:"Why." example:"shutdown"`
	RetryIn int    `json:"retry_in" doc:"Milliseconds to wait before connecting again; spread so that not all come at once."`
	// Positions are there for the client's comfort: it has seen them all.
	Positions map[string]int64 `json:"positions,omitempty" doc:"Position after which to resume, by subscription."`
}

// Close codes besides those of RFC 6455.
const (
	CloseBadFrame     = 4400 // not a frame of the protocol
	CloseUnauthorized = 4401 // no token in time, or it expired or was revoked
	CloseForbidden    = 4403 // the tenant is suspended or archived, or the right was taken away
	CloseTimeout      = 4408 // no connect frame in 10 s
	CloseTooSlow      = 4409 // the reader stalls; the positions delivered were sent before
	CloseTooMany      = 4429 // more connections than the tenant or the principal may have
)
