package ws

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a client may send.
const (
	maxToken    = 8 << 10
	maxTenant   = 255
	maxID       = 64
	maxSnapshot = 200
	maxChannel  = 200
)

// check says what is wrong with the values of a decoded frame.
func check(frame any) []FieldError {
	var c checks
	switch f := frame.(type) {
	case *Connect:
		c.text("/token", f.Token, 1, maxToken)
		c.text("/tenant", f.Tenant, 0, maxTenant)
	case *Refresh:
		c.text("/token", f.Token, 1, maxToken)
	case *Subscribe:
		c.id(f.ID)
		c.from(f.From) // the hub checks the rest
	case *Unsubscribe:
		c.id(f.ID)
	case *Join:
		c.text("/channel", f.Channel, 1, maxChannel)
	case *Leave:
		c.text("/channel", f.Channel, 1, maxChannel)
	case *Broadcast:
		c.text("/channel", f.Channel, 1, maxChannel)
	}
	return c
}

type checks []FieldError

func (c *checks) that(pointer, code, message string, ok bool) {
	if !ok {
		*c = append(*c, FieldError{pointer, code, message})
	}
}

// text checks length in characters and that nothing invisible is in it.
func (c *checks) text(pointer, s string, shortest, longest int) {
	n := utf8.RuneCountInString(s)
	c.that(pointer, "wrong_length", "is too short or too long; see the protocol", n >= shortest && n <= longest)
	c.that(pointer, "invalid", "must not have control characters", strings.IndexFunc(s, unicode.IsControl) < 0)
}

func (c *checks) id(id string) {
	c.that("/id", "invalid", "must be 1 to 64 visible ASCII characters", validID(id))
}

func validID(id string) bool {
	return id != "" && len(id) <= maxID && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (c *checks) from(f From) {
	given := 0
	for _, there := range []bool{f.Now, f.After != nil, f.Snapshot != ""} {
		if there {
			given++
		}
	}
	c.that("/from", "invalid", "must have exactly one of now (true), after and snapshot", given == 1)
	c.that("/from/after", "out_of_range", "must be 0 or more", f.After == nil || *f.After >= 0)
	c.text("/from/snapshot", f.Snapshot, 0, maxSnapshot)
}

// subject is what a frame is about, as far as it may be repeated: the id of a
// valid subscription or the name of a valid channel.
func subject(frame any) string {
	var c checks
	var name string
	switch f := frame.(type) {
	case *Subscribe:
		name = f.ID
		c.id(name)
	case *Unsubscribe:
		name = f.ID
		c.id(name)
	case *Join:
		name = f.Channel
		c.text("", name, 1, maxChannel)
	case *Leave:
		name = f.Channel
		c.text("", name, 1, maxChannel)
	case *Broadcast:
		name = f.Channel
		c.text("", name, 1, maxChannel)
	}
	if len(c) > 0 {
		return ""
	}
	return name
}
