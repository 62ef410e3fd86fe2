package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/google/uuid"
)

// Codec turns payloads into events and back, and seals their personal fields
// with the key of the data subject (see [SubjectKeys]). What is sealed stays
// sealed in the log, in the hash chain and in exports, so erasing a subject
// breaks none of them. Safe for concurrent use.
type Codec struct {
	registry *Registry
	keys     SubjectKeys
	personal map[string][]personalField // by event type; absent for most
}

// NewCodec returns a codec for the registry's types. keys may be nil if none of
// them has personal fields.
func NewCodec(r *Registry, keys SubjectKeys) *Codec {
	c := &Codec{registry: r, keys: keys, personal: map[string][]personalField{}}
	for name, reg := range r.types {
		fields := personalFields(reg.goType)
		if len(fields) == 0 {
			continue
		}
		if keys == nil {
			panic("eventstore: event type " + name + " has personal fields, which need SubjectKeys")
		}
		c.personal[name] = fields
	}
	return c
}

// Encode makes an event of a registered payload. It fails with ErrSubjectErased
// if it holds personal data of a subject that was erased.
func (c *Codec) Encode(ctx context.Context, tenant uuid.UUID, p Payload) (NewEvent, error) {
	typ, version := p.EventType(), p.SchemaVersion()
	reg, ok := c.registry.types[typ]
	if !ok || reg.version != version || reg.goType != reflect.TypeOf(p) {
		return NewEvent{}, fmt.Errorf("event type %s version %d (%T) is not registered", typ, version, p)
	}
	data, err := json.Marshal(p)
	if err != nil {
		return NewEvent{}, fmt.Errorf("event type %s: %w", typ, err)
	}
	if fields := c.personal[typ]; fields != nil {
		if data, err = c.seal(ctx, tenant, p, fields, data); err != nil {
			return NewEvent{}, fmt.Errorf("event type %s: %w", typ, err)
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return NewEvent{}, fmt.Errorf("event id: %w", err)
	}
	return NewEvent{ID: id, Type: typ, SchemaVersion: version, Data: data}, nil
}

// seal replaces the personal fields in a payload's JSON. Empty ones stay as
// they are.
func (c *Codec) seal(ctx context.Context, tenant uuid.UUID, p Payload, fields []personalField, data json.RawMessage) (json.RawMessage, error) {
	s := sealer{keys: c.keys, tenant: tenant, typ: p.EventType(), create: true}
	v := reflect.ValueOf(p)
	var object map[string]json.RawMessage
	for _, f := range fields {
		value, subject := v.Field(f.index).String(), v.Field(f.subjectFieldIndex).String()
		if value == "" {
			continue
		}
		if p := checkText(f.subject, subject, 1, MaxStreamID); p != nil {
			return nil, p
		}
		if object == nil {
			if err := json.Unmarshal(data, &object); err != nil {
				return nil, err
			}
		}
		sealed, err := s.seal(ctx, subject, f.name, value)
		if err != nil {
			return nil, fmt.Errorf("sealing %s: %w", f.name, err)
		}
		object[f.name] = sealed
	}
	if object == nil {
		return data, nil
	}
	return json.Marshal(object)
}

// Decode lifts an event to its type's current schema version and decodes it
// strictly: an unknown type, version or field is an error. Sealed fields of an
// erased subject come out empty. Upcasters see opened fields.
func (c *Codec) Decode(ctx context.Context, e Event) (Payload, error) {
	data := e.Data
	if fields := c.personal[e.Type]; fields != nil {
		var err error
		if data, err = c.open(ctx, &e, fields); err != nil {
			return nil, fmt.Errorf("event %s at position %d: type %s version %d: %w", e.ID, e.Position, e.Type, e.SchemaVersion, err)
		}
	}
	p, err := c.registry.decode(e.Type, e.SchemaVersion, data)
	if err != nil {
		return nil, fmt.Errorf("event %s at position %d: %w", e.ID, e.Position, err)
	}
	return p, nil
}

// open replaces the sealed fields in an event's JSON by their values. A plain
// string stays: the field was not personal yet when the event was written.
func (c *Codec) open(ctx context.Context, e *Event, fields []personalField) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &object); err != nil {
		return nil, err
	}
	s := sealer{keys: c.keys, tenant: e.TenantID, typ: e.Type}
	changed := false
	for _, f := range fields {
		sealed := object[f.name]
		if len(sealed) == 0 || sealed[0] != '{' {
			continue
		}
		var subject string
		if err := json.Unmarshal(object[f.subject], &subject); err != nil {
			return nil, fmt.Errorf("opening %s: its data subject in %s: %w", f.name, f.subject, err)
		}
		value, err := s.open(ctx, subject, f.name, sealed)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", f.name, err)
		}
		object[f.name] = value
		changed = true
	}
	if !changed {
		return e.Data, nil
	}
	return json.Marshal(object)
}
