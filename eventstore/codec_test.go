package eventstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

type person struct {
	PersonID string `json:"person_id"`
	Email    string `json:"email" personal:"person_id"`
	Phone    string `json:"phone,omitempty" personal:"person_id"`
	GuardID  string `json:"guard_id,omitempty"`
	Guardian string `json:"guardian,omitempty" personal:"guard_id"`
	Plan     string `json:"plan"`
}

func (person) EventType() string  { return "person.joined" }
func (person) SchemaVersion() int { return 2 }

type renamed struct {
	Name string         `json:"name"`
	Note string         `json:"note,omitempty"`
	More map[string]any `json:"more,omitempty"`
}

func (renamed) EventType() string  { return "person.renamed" }
func (renamed) SchemaVersion() int { return 3 }

func newRegistry() *eventstore.Registry {
	r := eventstore.NewRegistry(person{}, renamed{})
	r.Upcast("person.joined", 1, func(data json.RawMessage) (json.RawMessage, error) {
		var old map[string]string
		if err := json.Unmarshal(data, &old); err != nil {
			return nil, err
		}
		old["email"] = strings.ToLower(old["email"])
		return json.Marshal(old)
	})
	r.Upcast("person.renamed", 1, func(data json.RawMessage) (json.RawMessage, error) {
		var old struct {
			FullName *string `json:"full_name"`
		}
		if err := json.Unmarshal(data, &old); err != nil {
			return nil, err
		}
		if old.FullName == nil {
			return nil, errors.New("full_name is missing")
		}
		return json.Marshal(map[string]string{"title_and_name": *old.FullName})
	})
	r.Upcast("person.renamed", 2, func(data json.RawMessage) (json.RawMessage, error) {
		return []byte(strings.Replace(string(data), "title_and_name", "name", 1)), nil
	})
	return r
}

// stored is the event as it would come back from a log.
func stored(tenant uuid.UUID, n eventstore.NewEvent) eventstore.Event {
	return eventstore.Event{TenantID: tenant, Position: 12, ID: n.ID, Type: n.Type, SchemaVersion: n.SchemaVersion, Data: n.Data}
}

func erase(t *testing.T, s *memory.Store, tenant uuid.UUID, subject string) {
	t.Helper()
	_, err := s.Append(ctx, eventstore.Append{
		TenantID: tenant, EraseSubjects: []string{subject},
		Writes: []eventstore.StreamWrite{{Stream: account, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{newEvent(1)}}},
	})
	require.NoError(t, err)
}

func TestCodecSeals(t *testing.T) {
	t.Parallel()
	keys, tenant := memory.New(memory.Options{}), uuid.New()
	codec := eventstore.NewCodec(newRegistry(), keys)
	full := person{PersonID: "p", Email: "p@example.org <ä>", GuardID: "g", Guardian: "Someone", Plan: "free"}
	n, err := codec.Encode(ctx, tenant, full)
	require.NoError(t, err)
	require.Equal(t, "person.joined", n.Type)
	require.Equal(t, 2, n.SchemaVersion)
	require.EqualValues(t, 7, n.ID.Version())

	var object map[string]any
	require.NoError(t, json.Unmarshal(n.Data, &object))
	require.Equal(t, "p", object["person_id"])
	require.Equal(t, "free", object["plan"])
	require.NotContains(t, object, "phone", "an empty field is not sealed")
	require.Len(t, object["email"], 1)
	sealed, err := base64.StdEncoding.DecodeString(object["email"].(map[string]any)["$sealed"].(string))
	require.NoError(t, err)
	require.Len(t, sealed, 12+len(full.Email)+16)
	require.NotContains(t, string(n.Data), "example.org")
	require.NotContains(t, string(n.Data), "Someone")

	again, err := codec.Encode(ctx, tenant, full)
	require.NoError(t, err)
	require.NotEqual(t, string(n.Data), string(again.Data), "each sealing has a nonce of its own")
	require.NotEqual(t, n.ID, again.ID)

	got, err := codec.Decode(ctx, stored(tenant, n))
	require.NoError(t, err)
	require.Equal(t, full, got)

	erase(t, keys, tenant, "g")
	got, err = codec.Decode(ctx, stored(tenant, n))
	require.NoError(t, err)
	withoutGuardian := full
	withoutGuardian.Guardian = ""
	require.Equal(t, withoutGuardian, got)
	_, err = codec.Encode(ctx, tenant, full)
	require.ErrorIs(t, err, eventstore.ErrSubjectErased)
	withoutGuardian.GuardID = "g"
	_, err = codec.Encode(ctx, tenant, withoutGuardian)
	require.NoError(t, err, "an erased subject may be named")

	erase(t, keys, tenant, "p")
	got, err = codec.Decode(ctx, stored(tenant, n))
	require.NoError(t, err)
	require.Equal(t, person{PersonID: "p", GuardID: "g", Plan: "free"}, got)
}

func TestCodecSubject(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(newRegistry(), memory.New(memory.Options{}))
	for _, subject := range []string{"", strings.Repeat("x", eventstore.MaxStreamID+1), "a\x00b", "\xff"} {
		_, err := codec.Encode(ctx, uuid.New(), person{PersonID: subject, Email: "x"})
		var limit *eventstore.LimitError
		require.ErrorAs(t, err, &limit, "what cannot be erased cannot be sealed")
		require.Equal(t, "person_id", limit.Field)
	}
	n, err := codec.Encode(ctx, uuid.New(), person{Plan: "free"})
	require.NoError(t, err)
	require.JSONEq(t, `{"person_id":"","email":"","plan":"free"}`, string(n.Data))
}

func TestCodecRefusesForeignCiphertext(t *testing.T) {
	t.Parallel()
	keys, tenant := memory.New(memory.Options{}), uuid.New()
	codec := eventstore.NewCodec(newRegistry(), keys)
	n, err := codec.Encode(ctx, tenant, person{PersonID: "p", Email: "e@example.org", Phone: "1234", GuardID: "q", Guardian: "x"})
	require.NoError(t, err)
	_, err = codec.Encode(ctx, tenant, person{PersonID: "other", Email: "x"})
	require.NoError(t, err)
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(n.Data, &object))
	for _, tc := range []struct {
		name    string
		change  map[string]string
		problem string
	}{
		{"of another field", map[string]string{"email": string(object["phone"])}, "opening email"},
		{"of another subject", map[string]string{"person_id": `"other"`}, "opening email"},
		{"of a subject without a key", map[string]string{"person_id": `"nobody"`}, "has no key"},
		{"without a subject", map[string]string{"person_id": `7`}, "person_id"},
		{"empty", map[string]string{"email": `{"$sealed":""}`}, "opening email"},
		{"no base64", map[string]string{"email": `{"$sealed":"%"}`}, "opening email"},
		{"no envelope", map[string]string{"email": `{}`}, "opening email"},
		{"envelope with more", map[string]string{"email": `{"$sealed":"AAAA","x":1}`}, "opening email"},
		{"changed", map[string]string{"email": strings.Replace(string(object["email"]), `:"`, `:"AAAA`, 1)}, "changed or belongs elsewhere"},
	} {
		changed := map[string]json.RawMessage{}
		for k, v := range object {
			changed[k] = v
		}
		for k, v := range tc.change {
			changed[k] = json.RawMessage(v)
		}
		e := stored(tenant, n)
		e.Data, err = json.Marshal(changed)
		require.NoError(t, err)
		_, err = codec.Decode(ctx, e)
		require.ErrorContains(t, err, tc.problem, tc.name)
		require.ErrorContains(t, err, "position 12", tc.name)
	}
	elsewhere := stored(uuid.New(), n)
	_, err = keys.SubjectKey(ctx, elsewhere.TenantID, "p", true)
	require.NoError(t, err)
	_, err = codec.Decode(ctx, elsewhere)
	require.ErrorContains(t, err, "changed or belongs elsewhere")
}

func TestCodecKeyFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	for _, keys := range []keyFunc{
		func() ([]byte, error) { return nil, broken },
		func() ([]byte, error) { return make([]byte, 16), nil },
	} {
		codec := eventstore.NewCodec(newRegistry(), keys)
		_, err := codec.Encode(ctx, uuid.New(), person{PersonID: "p", Email: "x"})
		require.ErrorContains(t, err, "sealing email")
		_, err = codec.Decode(ctx, eventstore.Event{Type: "person.joined", SchemaVersion: 2, Data: []byte(`{"person_id":"p","email":{"$sealed":"AAAA"}}`)})
		require.ErrorContains(t, err, "opening email")
	}
}

type keyFunc func() ([]byte, error)

func (f keyFunc) SubjectKey(context.Context, uuid.UUID, string, bool) ([]byte, error) { return f() }

func TestCodecReadsWhatWasWrittenBeforeTheTag(t *testing.T) {
	t.Parallel()
	codec := eventstore.NewCodec(newRegistry(), memory.New(memory.Options{}))
	p, err := codec.Decode(ctx, eventstore.Event{Type: "person.joined", SchemaVersion: 1, Data: []byte(`{"person_id":"p","email":"P@EXAMPLE.ORG","plan":""}`)})
	require.NoError(t, err)
	require.Equal(t, person{PersonID: "p", Email: "p@example.org"}, p)
}

// TestCodecUpcastsOpened: upcasters see values, not ciphertext.
func TestCodecUpcastsOpened(t *testing.T) {
	t.Parallel()
	keys, tenant := memory.New(memory.Options{}), uuid.New()
	codec := eventstore.NewCodec(newRegistry(), keys)
	n, err := codec.Encode(ctx, tenant, person{PersonID: "p", Email: "P@EXAMPLE.ORG"})
	require.NoError(t, err)
	e := stored(tenant, n)
	e.SchemaVersion = 1
	p, err := codec.Decode(ctx, e)
	require.NoError(t, err)
	require.Equal(t, "p@example.org", p.(person).Email)
	erase(t, keys, tenant, "p")
	p, err = codec.Decode(ctx, e)
	require.NoError(t, err)
	require.Equal(t, person{PersonID: "p"}, p)
}

type nested struct {
	ID    string `json:"id"`
	Inner []struct {
		Name string `json:"name" personal:"id"`
	} `json:"inner"`
}

func (nested) EventType() string  { return "nested" }
func (nested) SchemaVersion() int { return 1 }

type wrongKind struct {
	ID  string `json:"id"`
	Age int    `json:"age" personal:"id"`
}

func (wrongKind) EventType() string  { return "wrong_kind" }
func (wrongKind) SchemaVersion() int { return 1 }

type noSubject struct {
	ID   string `json:"id"`
	Name string `json:"name" personal:"person_id"`
}

func (noSubject) EventType() string  { return "no_subject" }
func (noSubject) SchemaVersion() int { return 1 }

type sealedSubject struct {
	ID   string `json:"id" personal:"name"`
	Name string `json:"name" personal:"id"`
}

func (sealedSubject) EventType() string  { return "sealed_subject" }
func (sealedSubject) SchemaVersion() int { return 1 }

func TestCodecRefusesMarksWithoutEffect(t *testing.T) {
	t.Parallel()
	for _, p := range []eventstore.Payload{nested{}, wrongKind{}, noSubject{}, sealedSubject{}} {
		require.Panics(t, func() { eventstore.NewCodec(eventstore.NewRegistry(p), memory.New(memory.Options{})) }, "%T", p)
	}
	require.Panics(t, func() { eventstore.NewCodec(newRegistry(), nil) }, "keys are needed")
	eventstore.NewCodec(eventstore.NewRegistry(renamed{}), nil)
}

func FuzzCodecDecode(f *testing.F) {
	keys, tenant := memory.New(memory.Options{}), uuid.UUID{1}
	codec := eventstore.NewCodec(newRegistry(), keys)
	n, err := codec.Encode(ctx, tenant, person{PersonID: "p", Email: "e@example.org", Phone: "1"})
	require.NoError(f, err)
	f.Add("person.joined", 2, []byte(n.Data))
	f.Add("person.joined", 1, []byte(`{"person_id":"p","email":"E"}`))
	f.Add("person.joined", 2, []byte(`{"person_id":"p","email":{"$sealed":"AAAA"}}`))
	f.Add("person.joined", 2, []byte(`null`))
	f.Add("person.joined", 2, []byte(`[{}]`))
	f.Add("person.renamed", 1, []byte(`{"full_name":"x"}`))
	f.Add("person.renamed", 3, []byte(`{"name":"x"} {}`))
	f.Add("unknown", -1, []byte{})
	f.Fuzz(func(t *testing.T, typ string, version int, data []byte) {
		p, err := codec.Decode(ctx, eventstore.Event{TenantID: tenant, Type: typ, SchemaVersion: version, Data: data})
		if err == nil {
			require.Equal(t, typ, p.EventType())
		}
	})
}
