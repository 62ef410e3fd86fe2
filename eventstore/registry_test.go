package eventstore_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

// unregistered has the type string of another payload.
type unregistered struct{ renamed }

// older is a payload of a schema version that is not the current one.
type older struct{ renamed }

func (older) SchemaVersion() int { return 2 }

func TestDecode(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(newRegistry(), memory.New(memory.Options{}))
	for _, tc := range []struct {
		name, typ string
		version   int
		data      string
		want      eventstore.Payload
		problem   string
	}{
		{"current version", "person.renamed", 3, `{"name":"x","more":{"a":[1]}}`, renamed{Name: "x", More: map[string]any{"a": []any{1.0}}}, ""},
		{"space around", "person.renamed", 3, " {\"name\":\"x\"}\n", renamed{Name: "x"}, ""},
		{"one step up", "person.renamed", 2, `{"title_and_name":"x"}`, renamed{Name: "x"}, ""},
		{"two steps up", "person.renamed", 1, `{"full_name":"x"}`, renamed{Name: "x"}, ""},
		{"an upcaster that fails", "person.renamed", 1, `{}`, nil, "upcasting from schema version 1: full_name is missing"},
		{"a version without upcaster", "person.renamed", 0, `{}`, nil, "no upcaster from schema version 0"},
		{"unknown field", "person.renamed", 3, `{"name":"x","nick":"y"}`, nil, `unknown field "nick"`},
		{"field of an older version", "person.renamed", 3, `{"full_name":"x"}`, nil, `unknown field "full_name"`},
		{"wrong type", "person.renamed", 3, `{"name":1}`, nil, "cannot unmarshal"},
		{"data after the value", "person.renamed", 3, `{"name":"x"} {}`, nil, "after the JSON value"},
		{"no JSON", "person.renamed", 3, `{`, nil, "unexpected EOF"},
		{"no data", "person.renamed", 3, ``, nil, "not a JSON object"},
		{"null", "person.renamed", 3, `null`, nil, "not a JSON object"},
		{"null of an older version", "person.renamed", 1, ` null`, nil, "not a JSON object"},
		{"a list", "person.renamed", 3, `[]`, nil, "not a JSON object"},
	} {
		e := eventstore.Event{Position: 7, ID: uuid.New(), Type: tc.typ, SchemaVersion: tc.version, Data: []byte(tc.data)}
		got, err := codec.Decode(ctx, e)
		if tc.problem != "" {
			require.ErrorContains(t, err, tc.problem, tc.name)
			require.ErrorContains(t, err, "position 7", tc.name)
			continue
		}
		require.NoError(t, err, tc.name)
		require.Equal(t, tc.want, got, tc.name)
	}
}

func TestDecodeUnknown(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(newRegistry(), memory.New(memory.Options{}))
	for typ, version := range map[string]int{"person.vanished": 1, "person.renamed": 4} {
		_, err := codec.Decode(ctx, eventstore.Event{Type: typ, SchemaVersion: version, Data: []byte(`{}`)})
		var unknown *eventstore.UnknownType
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, eventstore.UnknownType{Type: typ, SchemaVersion: version}, *unknown)
		require.ErrorContains(t, err, "newer release")
	}
}

func TestEncodeUnregistered(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(newRegistry(), memory.New(memory.Options{}))
	for _, p := range []eventstore.Payload{unregistered{}, older{}, &renamed{}, nested{}} {
		_, err := codec.Encode(ctx, uuid.New(), p)
		require.ErrorContains(t, err, "not registered", "%T", p)
	}
	_, err := codec.Encode(ctx, uuid.New(), renamed{More: map[string]any{"a": func() {}}})
	require.ErrorContains(t, err, "person.renamed")
	n, err := codec.Encode(ctx, uuid.New(), renamed{Name: "x"})
	require.NoError(t, err)
	require.Equal(t, `{"name":"x"}`, string(n.Data))
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"person.joined", "person.renamed"}, newRegistry().Types())
	require.Panics(t, func() { eventstore.NewRegistry(renamed{}, unregistered{}) })
	require.Panics(t, func() { newRegistry().Upcast("person.renamed", 2, nil) })
}
