package ws_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
)

func TestTheCommittedDocumentIsUpToDate(t *testing.T) {
	t.Parallel()
	now, err := ws.AsyncAPI()
	require.NoError(t, err)
	committed, err := os.ReadFile("../asyncapi.json")
	require.NoError(t, err)
	require.True(t, string(now) == string(committed), "api/asyncapi.json is not what the frames say; run make generate and commit it")
}

// TestTheDocumentIsAsyncAPI3: the keys that AsyncAPI 3.0 requires, and no
// reference that leads nowhere.
func TestTheDocumentIsAsyncAPI3(t *testing.T) {
	t.Parallel()
	raw, err := ws.AsyncAPI()
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(raw, &doc))
	at := func(path string) any {
		var v any = doc
		for _, name := range strings.Split(strings.TrimPrefix(path, "#/"), "/") {
			node, ok := v.(map[string]any)
			require.True(t, ok, path)
			require.Contains(t, node, name, path)
			v = node[name]
		}
		return v
	}
	require.Equal(t, "3.0.0", doc["asyncapi"])
	for _, path := range []string{
		"info/title", "info/version", "info/license/name", "servers/installation/host", "servers/installation/protocol",
		"channels/socket/address", "channels/socket/messages", "channels/socket/bindings/ws/bindingVersion",
	} {
		require.NotEmpty(t, at(path), path)
	}
	for key := range doc {
		require.Contains(t, []string{"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}, key)
	}
	inChannel := at("channels/socket/messages").(map[string]any)
	for name, operation := range at("operations").(map[string]any) {
		o := operation.(map[string]any)
		require.Contains(t, []any{"send", "receive"}, o["action"], name)
		require.Equal(t, "#/channels/socket", o["channel"].(map[string]any)["$ref"], name)
		require.NotEmpty(t, o["messages"], name)
		require.Contains(t, inChannel, name)
	}
	references := 0
	var walk func(v any, path string)
	walk = func(v any, path string) {
		switch v := v.(type) {
		case map[string]any:
			if to, is := v["$ref"].(string); is {
				require.True(t, strings.HasPrefix(to, "#/"), path)
				require.Len(t, v, 1, "%s: nothing may stand beside a reference", path)
				at(to)
				references++
				return
			}
			for name, child := range v {
				walk(child, path+"/"+name)
			}
		case []any:
			for _, child := range v {
				walk(child, path)
			}
		}
	}
	walk(doc, "#")
	require.Greater(t, references, 50)
}

// TestEveryFrameIsDescribed: each type of frames.go is in the document, with its
// fields, and its name is in docs/protocol.md. What a client would send by the
// examples is accepted.
func TestEveryFrameIsDescribed(t *testing.T) {
	t.Parallel()
	raw, err := ws.AsyncAPI()
	require.NoError(t, err)
	var doc struct {
		Components struct {
			Schemas  map[string]struct{ Properties map[string]any }
			Messages map[string]struct {
				Examples []struct{ Payload json.RawMessage }
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &doc))
	page, err := os.ReadFile("../../docs/protocol.md")
	require.NoError(t, err)
	frames := ws.Frames()
	for name := range declared(t) {
		require.Contains(t, doc.Components.Schemas, name)
	}
	for name, frame := range frames {
		require.Contains(t, string(page), "`"+name+"`", "docs/protocol.md does not mention it")
		require.Len(t, doc.Components.Messages[name].Examples, 1, name)
		typ := reflect.TypeOf(frame)
		for i := range typ.NumField() {
			field, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			require.Contains(t, doc.Components.Schemas[typ.Name()].Properties, field, name)
			if doc := typ.Field(i).Tag.Get("doc"); field != "type" {
				require.NotEmpty(t, doc, "%s.%s", name, field)
			}
		}
		example := doc.Components.Messages[name].Examples[0].Payload
		if _, err := ws.Decode(example); strings.Contains("connect refresh subscribe unsubscribe join leave broadcast", name) {
			require.NoError(t, err, "%s: %s", name, example)
		}
	}
	require.Len(t, frames, 18)
	for _, code := range []string{"4400", "4401", "4403", "4408", "4409", "4429", "1012"} {
		require.Contains(t, string(page), code)
	}
}

// declared lists the structs of frames.go.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "frames.go", nil, 0)
	require.NoError(t, err)
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			names[spec.Name.Name] = true
		}
		return true
	})
	require.NotEmpty(t, names)
	return names
}
