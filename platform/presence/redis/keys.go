package redis

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/platform/presence"
)

// What is kept in Redis:
//
//	<prefix>:<tenant>:members:<channel>  hash, <node>/<member id> to the member
//	<prefix>:<tenant>:channels           set of the names of channels with members
//	<prefix>:node:<node>:channels        hash, <tenant>/<channel> to how many members the node has there
//	<prefix>:nodes                       set of the nodes that have or had members
//
// and the topic <prefix>:<tenant>:channel:<channel> carries what happens there.

func (c *Channels) membersKey(ch presence.Channel) string {
	return c.link.Key(ch.Tenant.String(), "members", ch.Name)
}

func (c *Channels) channelsKey(ch presence.Channel) string {
	return c.link.Key(ch.Tenant.String(), "channels")
}

func (c *Channels) topicName(ch presence.Channel) string {
	return c.link.Key(ch.Tenant.String(), "channel", ch.Name)
}

func (c *Channels) nodeChannelsKey(node string) string { return c.link.Key("node", node, "channels") }

func (c *Channels) nodesKey() string { return c.link.Key("nodes") }

// keys are those that every script on a node's members of a channel takes.
func (c *Channels) keys(ch presence.Channel, node string) []string {
	return []string{c.membersKey(ch), c.channelsKey(ch), c.nodeChannelsKey(node)}
}

// field names a member of this node in the hash of a channel.
func (c *Channels) field(memberID string) string { return c.link.Node() + "/" + memberID }

func reference(ch presence.Channel) string { return ch.Tenant.String() + "/" + ch.Name }

func dereference(text string) (presence.Channel, bool) {
	id, name, found := strings.Cut(text, "/")
	tenant, err := uuid.Parse(id)
	return presence.Channel{Tenant: tenant, Name: name}, found && err == nil
}

// envelope is a message on its way. Scripts write it as well.
type envelope struct {
	Node string `json:"node"` // whose member it is about
	presence.Message
}

// encode leaves <, > and & as they are, which keeps sizes within their bounds.
func encode(v any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}
