// Package presencetest is the contract of presence as tests: one suite that
// every engine passes. Engines call [Run] from a test of their own.
package presencetest

import (
	"testing"

	"github.com/google/uuid"

	"tansu.cloud/platform/presence"
)

// Fixture is an engine without members.
type Fixture struct {
	Channels presence.Channels
	// Second is the same installation in another process (optional).
	Second presence.Channels
}

// far returns the engine that others listen at: Second if there is one.
func (f Fixture) far() presence.Channels {
	if f.Second != nil {
		return f.Second
	}
	return f.Channels
}

var tests = []struct {
	name string
	run  func(*testing.T, Fixture)
}{
	{"a member is listed until it leaves", testMembers},
	{"joining again replaces the state", testState},
	{"members are listed by id", testOrderOfMembers},
	{"coming and going is announced", testAnnouncements},
	{"leaving without having joined is silent", testLeaveUnknown},
	{"a broadcast reaches all who listen", testBroadcast},
	{"each sender's order is kept", testSenderOrder},
	{"nothing arrives after stop", testStop},
	{"a listener may call back", testReentrance},
	{"tenants are apart", testTenants},
	{"channels are apart", testChannels},
	{"members of a channel are bounded", testMaxMembers},
	{"channels of a tenant are bounded", testMaxChannels},
	{"messages are bounded", testMaxSizes},
	{"concurrent use leaves nothing behind", testConcurrency},
}

// Run runs the suite; its tests keep apart by using new tenants.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	f := open(t)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, f)
		})
	}
}

func channel() presence.Channel { return presence.Channel{Tenant: uuid.New(), Name: "order:42"} }

func member(id string) presence.Member {
	return presence.Member{ID: id, Actor: "actor of " + id, State: []byte(`{"cursor":1}`)}
}
