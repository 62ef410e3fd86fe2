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
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/ownership"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/space"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

// TestGoldenEvents is the regression test of schema evolution: every version of
// every event that was ever written must be readable for ever.
func TestGoldenEvents(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(commands.Registry(), memory.New(memory.Options{}))
	for _, p := range payloads() {
		for version := 1; version <= p.SchemaVersion(); version++ {
			name := fmt.Sprintf("%s.v%d.json", p.EventType(), version)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				files := goldenFiles(t, name)
				require.Len(t, files, 1, "every version of an event needs a golden file, beside its aggregate")
				golden, err := os.ReadFile(files[0])
				require.NoError(t, err)
				event := eventstore.Event{Type: p.EventType(), SchemaVersion: version, Data: golden}
				decoded, err := codec.Decode(t.Context(), event)
				require.NoError(t, err)
				require.IsType(t, p, decoded)
				for i := range reflect.TypeOf(decoded).NumField() {
					if version < p.SchemaVersion() {
						break // a later version may have more
					}
					require.False(t, reflect.ValueOf(decoded).Field(i).IsZero(),
						"the golden file leaves %s out", reflect.TypeOf(decoded).Field(i).Name)
				}
				if version == p.SchemaVersion() {
					encoded, err := codec.Encode(t.Context(), uuid.Nil, decoded)
					require.NoError(t, err)
					requireSealed(t, p, encoded.Data)
					again, err := codec.Decode(t.Context(), eventstore.Event{Type: encoded.Type, SchemaVersion: version, Data: encoded.Data})
					require.NoError(t, err)
					data, err := json.Marshal(again)
					require.NoError(t, err)
					require.JSONEq(t, string(golden), string(data))
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

// requireSealed checks that what an event says about a person stands in the log
// sealed only.
func requireSealed(t *testing.T, p eventstore.Payload, data json.RawMessage) {
	t.Helper()
	var stored map[string]any
	require.NoError(t, json.Unmarshal(data, &stored))
	for i := range reflect.TypeOf(p).NumField() {
		field := reflect.TypeOf(p).Field(i)
		if _, personal := field.Tag.Lookup("personal"); personal {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			require.Contains(t, stored[name], "$sealed", field.Name)
		}
	}
}

func goldenFiles(t *testing.T, name string) []string {
	t.Helper()
	var files []string
	for _, folder := range []string{"../domain/*/testdata/", "../domain/identity/*/testdata/"} {
		found, err := filepath.Glob(folder + name)
		require.NoError(t, err)
		files = append(files, found...)
	}
	return files
}

func TestRegistryKnowsEveryEvent(t *testing.T) {
	t.Parallel()
	var types []string
	for _, p := range payloads() {
		types = append(types, p.EventType())
	}
	require.ElementsMatch(t, types, commands.Registry().Types())

	files := goldenFiles(t, "*.json")
	require.GreaterOrEqual(t, len(files), len(types))
	for _, file := range files {
		typ, _, versioned := strings.Cut(filepath.Base(file), ".v")
		require.True(t, versioned, file)
		require.Contains(t, types, typ, "%s is of no known event", file)
	}
}

func payloads() []eventstore.Payload {
	var all []eventstore.Payload
	all = with(all, tenant.Events())
	all = with(all, space.Events())
	all = with(all, projection.Events())
	all = with(all, subject.Events())
	all = with(all, job.Events())
	all = with(all, webhook.Events())
	all = with(all, apikey.Events())
	all = with(all, client.Events())
	all = with(all, invite.Events())
	all = with(all, maildomain.Events())
	all = with(all, member.Events())
	all = with(all, ownership.Events())
	all = with(all, provider.Events())
	all = with(all, role.Events())
	all = with(all, serviceaccount.Events())
	all = with(all, session.Events())
	all = with(all, user.Events())
	return all
}

func with[E eventstore.Payload](all []eventstore.Payload, events []E) []eventstore.Payload {
	for _, e := range events {
		all = append(all, e)
	}
	return all
}
