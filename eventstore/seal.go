package eventstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"
)

// SubjectKeySize is the length of a data subject's key (AES-256).
const SubjectKeySize = 32

// ErrSubjectErased: the data subject's key was destroyed; nothing of theirs can
// be sealed or opened again.
var ErrSubjectErased = errors.New("the data subject was erased")

// ErrNoSubjectKey: the data subject never had a key here.
var ErrNoSubjectKey = errors.New("the data subject has no key")

// SubjectKeys keeps one key per data subject of a tenant. Append.EraseSubjects
// destroys them, with or without a key made before. Safe for concurrent use.
type SubjectKeys interface {
	// SubjectKey returns the subject's key, which it makes first if asked to.
	// Without a key it fails with ErrNoSubjectKey, after erasure with
	// ErrSubjectErased.
	SubjectKey(ctx context.Context, tenant uuid.UUID, subject string, create bool) ([]byte, error)
}

// personalField is a field whose value is stored sealed. The tag
// `personal:"subject_id"` names the field of the same struct, by its JSON name,
// that holds the data subject's id. JSON names of both are kept for ever.
type personalField struct {
	name, subject            string // JSON names
	index, subjectFieldIndex int
}

// personalFields finds the marked fields of a payload type. A mark where
// sealing would not reach is a mistake of the programmer: it panics.
func personalFields(t reflect.Type) []personalField {
	if t.Kind() != reflect.Struct {
		return nil
	}
	byName := map[string]int{}
	for i := range t.NumField() {
		byName[jsonName(t.Field(i))] = i
	}
	var fields []personalField
	for i := range t.NumField() {
		f := t.Field(i)
		refuseNested(t, f.Type, map[reflect.Type]bool{t: true})
		subject, marked := f.Tag.Lookup("personal")
		if !marked {
			continue
		}
		at, ok := byName[subject]
		switch {
		case f.Type.Kind() != reflect.String || !f.IsExported() || jsonName(f) == "-":
			panic(fmt.Sprintf("eventstore: %s.%s is marked personal; only exported string fields can be sealed", t, f.Name))
		case !ok || at == i || t.Field(at).Type.Kind() != reflect.String || !t.Field(at).IsExported():
			panic(fmt.Sprintf("eventstore: %s.%s is personal data of %q, which is no other string field", t, f.Name, subject))
		}
		fields = append(fields, personalField{jsonName(f), subject, i, at})
	}
	for _, f := range fields {
		if _, personal := t.Field(f.subjectFieldIndex).Tag.Lookup("personal"); personal {
			panic(fmt.Sprintf("eventstore: %s.%s names a data subject and cannot be sealed itself", t, t.Field(f.subjectFieldIndex).Name))
		}
	}
	return fields
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

// refuseNested panics on a mark inside a field's type: only the payload's own
// fields are sealed, and a mark without effect would leak.
func refuseNested(owner, t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		refuseNested(owner, t.Elem(), seen)
	case reflect.Struct:
		if seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			if _, marked := f.Tag.Lookup("personal"); marked {
				panic(fmt.Sprintf("eventstore: %s.%s inside %s is marked personal; only the payload's own fields can be sealed", t, f.Name, owner))
			}
			refuseNested(owner, f.Type, seen)
		}
	}
}

// envelope is what stands in an event in place of a sealed string: nonce and
// ciphertext (base64 in JSON).
type envelope struct {
	Sealed []byte `json:"$sealed"`
}

// sealer seals and opens the personal fields of one event; it asks for each
// subject's key once.
type sealer struct {
	keys   SubjectKeys
	tenant uuid.UUID
	typ    string
	create bool
	opened map[string]cipher.AEAD
}

func (s *sealer) aead(ctx context.Context, subject string) (cipher.AEAD, error) {
	if a, ok := s.opened[subject]; ok {
		return a, nil
	}
	key, err := s.keys.SubjectKey(ctx, s.tenant, subject, s.create)
	if err != nil {
		return nil, err
	}
	if len(key) != SubjectKeySize {
		return nil, fmt.Errorf("the key has %d bytes, not %d", len(key), SubjectKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	if s.opened == nil {
		s.opened = map[string]cipher.AEAD{}
	}
	s.opened[subject] = a
	return a, nil
}

// bound ties a ciphertext to its place, so that it opens nowhere else.
func (s *sealer) bound(field string) []byte {
	aad := append([]byte(nil), s.tenant[:]...)
	return appendSized(appendSized(aad, s.typ), field)
}

// seal returns the envelope of a value.
func (s *sealer) seal(ctx context.Context, subject, field, value string) (json.RawMessage, error) {
	a, err := s.aead(ctx, subject)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{a.Seal(nil, nil, []byte(value), s.bound(field))})
}

// open returns the JSON string in an envelope, "" if the subject was erased.
func (s *sealer) open(ctx context.Context, subject, field string, sealed json.RawMessage) (json.RawMessage, error) {
	var env envelope
	if err := strictUnmarshal(sealed, &env); err != nil {
		return nil, err
	}
	a, err := s.aead(ctx, subject)
	if errors.Is(err, ErrSubjectErased) {
		return json.RawMessage(`""`), nil
	}
	if err != nil {
		return nil, err
	}
	value, err := a.Open(nil, nil, env.Sealed, s.bound(field))
	if err != nil {
		return nil, errors.New("the ciphertext was changed or belongs elsewhere")
	}
	return json.Marshal(string(value))
}
