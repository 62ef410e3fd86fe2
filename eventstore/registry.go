package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
)

// Payload is the typed content of an event: a plain struct of a domain package.
// The type string and schema version are part of the log for ever.
type Payload interface {
	EventType() string
	SchemaVersion() int
}

// Upcaster turns the data of one schema version into that of the next.
type Upcaster func(json.RawMessage) (json.RawMessage, error)

// Registry knows every event type, its current schema version and how to lift
// older versions to it. Fill it at start-up; reading is then safe for
// concurrent use.
type Registry struct {
	types     map[string]registered
	upcasters map[versionedType]Upcaster
}

type registered struct {
	goType  reflect.Type
	version int
}

type versionedType struct {
	typ  string
	from int
}

// NewRegistry returns a registry of the given payloads' types.
func NewRegistry(payloads ...Payload) *Registry {
	r := &Registry{types: map[string]registered{}, upcasters: map[versionedType]Upcaster{}}
	for _, p := range payloads {
		if _, dup := r.types[p.EventType()]; dup {
			panic("eventstore: event type registered twice: " + p.EventType())
		}
		r.types[p.EventType()] = registered{reflect.TypeOf(p), p.SchemaVersion()}
	}
	return r
}

// Upcast registers the step from one schema version of a type to the next.
func (r *Registry) Upcast(typ string, from int, up Upcaster) {
	key := versionedType{typ, from}
	if _, dup := r.upcasters[key]; dup {
		panic(fmt.Sprintf("eventstore: upcaster registered twice: %s version %d", typ, from))
	}
	r.upcasters[key] = up
}

// Types lists the registered event types by name.
func (r *Registry) Types() []string {
	names := make([]string, 0, len(r.types))
	for name := range r.types {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// UnknownType: the log holds an event that this binary does not know, usually
// because a newer one wrote it. It must not be skipped.
type UnknownType struct {
	Type          string
	SchemaVersion int
}

func (e *UnknownType) Error() string {
	return fmt.Sprintf("unknown event type %s version %d; it was probably written by a newer release", e.Type, e.SchemaVersion)
}

// decode lifts data to the type's current version and decodes it strictly: an
// unknown field is an error, because dropping it would lose it in the state.
func (r *Registry) decode(typ string, version int, data json.RawMessage) (Payload, error) {
	reg, ok := r.types[typ]
	if !ok || version > reg.version {
		return nil, &UnknownType{typ, version}
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil, fmt.Errorf("event type %s version %d: the data is not a JSON object", typ, version)
	}
	for v := version; v < reg.version; v++ {
		up, ok := r.upcasters[versionedType{typ, v}]
		if !ok {
			return nil, fmt.Errorf("event type %s: no upcaster from schema version %d", typ, v)
		}
		var err error
		if data, err = up(data); err != nil {
			return nil, fmt.Errorf("event type %s: upcasting from schema version %d: %w", typ, v, err)
		}
	}
	target := reflect.New(reg.goType)
	if err := strictUnmarshal(data, target.Interface()); err != nil {
		return nil, fmt.Errorf("event type %s version %d: %w", typ, version, err)
	}
	return target.Elem().Interface().(Payload), nil
}

// strictUnmarshal refuses unknown fields and anything after the value.
func strictUnmarshal(data []byte, target any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(target); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("data after the JSON value")
	}
	return nil
}
