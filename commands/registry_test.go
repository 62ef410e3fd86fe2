package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// TestGoldenEvents is the regression test of schema evolution: every version of
// every event that was ever written must be readable for ever.
func TestGoldenEvents(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(commands.Registry(), nil)
	for _, p := range payloads() {
		folder, _, _ := strings.Cut(p.EventType(), ".")
		for version := 1; version <= p.SchemaVersion(); version++ {
			file := fmt.Sprintf("../domain/%s/testdata/%s.v%d.json", folder, p.EventType(), version)
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				golden, err := os.ReadFile(file)
				require.NoError(t, err, "every version of an event needs a golden file")
				event := eventstore.Event{Type: p.EventType(), SchemaVersion: version, Data: golden}
				decoded, err := codec.Decode(t.Context(), event)
				require.NoError(t, err)
				require.IsType(t, p, decoded)
				for i := range reflect.TypeOf(decoded).NumField() {
					require.False(t, reflect.ValueOf(decoded).Field(i).IsZero(),
						"the golden file leaves %s out", reflect.TypeOf(decoded).Field(i).Name)
				}
				if version == p.SchemaVersion() {
					encoded, err := codec.Encode(t.Context(), uuid.Nil, decoded)
					require.NoError(t, err)
					require.JSONEq(t, string(golden), string(encoded.Data))
				}

				var fields map[string]any
				require.NoError(t, json.Unmarshal(golden, &fields))
				fields["from_a_newer_release"] = true
				event.Data, err = json.Marshal(fields)
				require.NoError(t, err)
				_, err = codec.Decode(t.Context(), event)
				require.ErrorContains(t, err, "from_a_newer_release")
			})
		}
	}
}

func TestRegistryKnowsEveryEvent(t *testing.T) {
	t.Parallel()
	var types []string
	for _, p := range payloads() {
		types = append(types, p.EventType())
	}
	require.ElementsMatch(t, types, commands.Registry().Types())

	files, err := filepath.Glob("../domain/*/testdata/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), len(types))
	for _, file := range files {
		typ, _, versioned := strings.Cut(filepath.Base(file), ".v")
		require.True(t, versioned, file)
		require.Contains(t, types, typ, "%s is of no known event", file)
	}
}

func payloads() []eventstore.Payload {
	var all []eventstore.Payload
	for _, e := range tenant.Events() {
		all = append(all, e)
	}
	for _, e := range projection.Events() {
		all = append(all, e)
	}
	for _, e := range subject.Events() {
		all = append(all, e)
	}
	for _, e := range job.Events() {
		all = append(all, e)
	}
	for _, e := range webhook.Events() {
		all = append(all, e)
	}
	return all
}
