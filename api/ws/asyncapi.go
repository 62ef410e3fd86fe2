package ws

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// AsyncAPIType is the media type of the document.
const AsyncAPIType = "application/vnd.aai.asyncapi+json"

// protocolVersion is that of the frames; it changes when a client may have to.
const protocolVersion = "1.0.0"

// described is a frame as the document has it.
type described struct {
	frame   any
	summary string
	answers []string // types of frames that answer it
}

// Frames of the protocol, in the order of a conversation.
var (
	clientFrames = []described{
		{Connect{}, "First frame: who is there, and about which tenant.", []string{"connected", "error"}},
		{Refresh{}, "Replaces the token of the connection.", []string{"connected", "error"}},
		{Subscribe{}, "Opens a feed.", []string{"snapshot", "subscribed", "error"}},
		{Unsubscribe{}, "Closes a feed.", []string{"unsubscribed", "error"}},
		{Join{}, "Enters a channel, or changes one's state in it.", []string{"presence", "error"}},
		{Leave{}, "Leaves a channel.", []string{"presence", "error"}},
		{Broadcast{}, "Sends something to all in a channel; nothing keeps it.", []string{"message", "error"}},
	}
	serverFrames = []described{
		{Connected{}, "Answers connect and refresh.", nil},
		{Expiring{}, "The token expires soon: send refresh.", nil},
		{Snapshot{}, "Rows of a read model, before subscribed.", nil},
		{Subscribed{}, "From here on nothing can be missed.", nil},
		{Events{}, "Delivers events in order of position, or tells a position.", nil},
		{Lagged{}, "The reader fell behind; delivery goes on from the log without a loss.", nil},
		{Unsubscribed{}, "The subscription has ended.", nil},
		{Presence{}, "Who is in a channel: all, or a change.", nil},
		{Message{}, "Delivers a broadcast.", nil},
		{Error{}, "Refuses a frame.", nil},
		{Closing{}, "The server is about to close the connection.", nil},
	}
)

const protocolDescription = "Live feeds of a tenant's events, which lose nothing, repeat nothing and keep the order; " +
	"and channels for presence and broadcasts, which nothing keeps. " +
	"Frames are text messages with one JSON object each, up to 64 KiB towards the server, which is strict about them. " +
	"Clients ignore fields and types that they do not know. The rules are in docs/protocol.md."

// AsyncAPI returns the AsyncAPI 3 document of the protocol, made from the types
// of its frames. The copy in api/asyncapi.json is compared with it.
var AsyncAPI = sync.OnceValues(func() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(asyncAPI())
	return out.Bytes(), err
})

type node = map[string]any

func asyncAPI() node {
	messages, operations, inChannel, schemas := node{}, node{}, node{}, schemaSet{}
	add := func(d described, action string) {
		name := typeOf(d.frame)
		messages[name] = node{
			"name": name, "title": reflect.TypeOf(d.frame).Name(), "summary": d.summary, "contentType": "application/json",
			"payload":  ref("#/components/schemas/" + schemas.add(reflect.TypeOf(d.frame))),
			"examples": []node{{"name": name, "payload": example(reflect.TypeOf(d.frame))}},
		}
		inChannel[name] = ref("#/components/messages/" + name)
		operation := node{"action": action, "channel": ref("#/channels/socket"), "summary": d.summary, "messages": []node{ref("#/channels/socket/messages/" + name)}}
		if d.answers != nil {
			var answers []node
			for _, answer := range d.answers {
				answers = append(answers, ref("#/channels/socket/messages/"+answer))
			}
			operation["reply"] = node{"channel": ref("#/channels/socket"), "messages": answers}
		}
		operations[name] = operation
	}
	for _, d := range clientFrames {
		add(d, "receive")
	}
	for _, d := range serverFrames {
		add(d, "send")
	}
	return node{
		"asyncapi": "3.0.0",
		"info": node{
			"title": "Tansu live feeds", "version": protocolVersion, "description": protocolDescription,
			"license": node{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": "application/json",
		"servers": node{"installation": node{
			"host": "{host}", "protocol": "wss", "description": "This installation.",
			"variables": node{"host": node{"description": "Host and port.", "default": "localhost:8080"}},
		}},
		"channels": node{"socket": node{
			"address": "/v1/ws", "title": "Websocket", "messages": inChannel,
			"description": "A websocket with the subprotocol " + Subprotocol + ". The token goes into the connect frame, never into the URL.",
			"bindings": node{"ws": node{"bindingVersion": "0.1.0", "method": "GET", "headers": node{
				"type": "object", "required": []string{"Sec-WebSocket-Protocol"},
				"properties": node{
					"Sec-WebSocket-Protocol": node{"type": "string", "const": Subprotocol, "description": "The subprotocol."},
					"X-Tenant-Id":            node{"type": "string", "description": "Id or slug of the tenant, if the connect frame has none."},
				},
			}}},
		}},
		"operations": operations,
		"components": node{"messages": messages, "schemas": node(schemas)},
	}
}

func ref(to string) node { return node{"$ref": to} }

// typeOf is the type of a frame as it stands in the frame.
func typeOf(frame any) string {
	field, _ := reflect.TypeOf(frame).FieldByName("Type")
	return field.Tag.Get("enum")
}

// schemaSet has a schema for each struct of the frames, by its name.
type schemaSet node

func (s schemaSet) add(t reflect.Type) string {
	if s[t.Name()] != nil {
		return t.Name()
	}
	properties, required := node{}, []string{}
	s[t.Name()] = node{"type": "object", "properties": properties}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options != "omitempty" {
			required = append(required, name)
		}
		property := s.of(field.Type)
		if constant := field.Tag.Get("enum"); constant != "" {
			property["const"] = constant
		}
		if doc := field.Tag.Get("doc"); doc != "" {
			property["description"] = doc
		}
		if _, given := field.Tag.Lookup("example"); given {
			property["examples"] = []any{exampleOf(field)}
		}
		properties[name] = property
	}
	if len(required) > 0 {
		s[t.Name()].(node)["required"] = required
	}
	return t.Name()
}

func (s schemaSet) of(t reflect.Type) node {
	if t == reflect.TypeFor[json.RawMessage]() {
		return node{} // any JSON
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return node{"allOf": []node{ref("#/components/schemas/" + s.add(t))}}
	case reflect.Slice:
		return node{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return node{"type": "integer"}
	}
	return node{"type": "string"}
}

// example is an instance of a frame, from the examples of its fields.
func example(t reflect.Type) any {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return node{}
	case t.Kind() == reflect.Pointer:
		return example(t.Elem())
	case t.Kind() == reflect.Slice:
		return []any{example(t.Elem())}
	case t.Kind() == reflect.Map:
		return node{"tenants": example(t.Elem())}
	case t.Kind() == reflect.Bool:
		return false
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return 42
	case t.Kind() == reflect.String:
		return "…"
	}
	whole := node{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		_, given := field.Tag.Lookup("example")
		if options != "omitempty" || given {
			whole[name] = exampleOf(field)
		}
	}
	if t == reflect.TypeFor[From]() {
		delete(whole, "snapshot") // only one may be there
	}
	return whole
}

func exampleOf(field reflect.StructField) any {
	text, given := field.Tag.Lookup("example")
	if constant := field.Tag.Get("enum"); constant != "" {
		return constant
	}
	if !given {
		return example(field.Type)
	}
	var value any
	if kind := field.Type.Kind(); kind == reflect.String || json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	return value
}
