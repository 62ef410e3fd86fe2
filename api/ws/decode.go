package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"tansu.cloud/api/problem"
)

// fromClient has a value of each type of frame that a client may send.
var fromClient = map[string]any{
	"connect": Connect{}, "refresh": Refresh{}, "subscribe": Subscribe{}, "unsubscribe": Unsubscribe{},
	"join": Join{}, "leave": Leave{}, "broadcast": Broadcast{},
}

// maxDepth is how deep a frame may be nested.
const maxDepth = 64

// errNotAFrame: the message is no JSON object, so there is nothing to answer to.
var errNotAFrame = errors.New("the message is not a JSON object in UTF-8, nested at most 64 levels")

// decode reads a frame of a client. A frame that is wrong in itself is refused
// with a *refusal; there is one reading of each frame, so unknown fields,
// repeated keys and other letter cases are wrong.
func decode(message []byte) (any, error) {
	if !utf8.Valid(message) || !json.Valid(message) || depth(message) > maxDepth {
		return nil, errNotAFrame
	}
	fields, ok := objectFields(message)
	if !ok {
		return nil, errNotAFrame
	}
	var kind string
	if err := json.Unmarshal(fields.value["type"], &kind); err != nil || fromClient[kind] == nil {
		return nil, frameInvalid(FieldError{"/type", "not_allowed", "must be connect, refresh, subscribe, unsubscribe, join, leave or broadcast"})
	}
	frame := reflect.New(reflect.TypeOf(fromClient[kind]))
	var d decoder
	d.object(fields, frame.Elem(), "")
	if len(d.errors) == 0 {
		d.errors = check(frame.Interface())
	}
	if len(d.errors) > 0 {
		r := frameInvalid(d.errors[:min(len(d.errors), maxFieldErrors)]...)
		r.id = subject(frame.Interface())
		return nil, r
	}
	return frame.Interface(), nil
}

// maxFieldErrors bounds an answer; a frame can be wrong in thousands of places.
const maxFieldErrors = 20

func frameInvalid(errs ...FieldError) *refusal {
	return &refusal{code: problem.FrameInvalid, detail: "The frame is not as it must be; errors points at the fields.", errors: errs}
}

// object is a JSON object, key by key.
type object struct {
	keys     []string
	value    map[string]json.RawMessage
	repeated []string
}

// objectFields splits valid JSON; ok is false if it is not an object.
func objectFields(raw []byte) (o object, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return object{}, false
	}
	o.value = map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return object{}, false
		}
		name := key.(string) // the JSON is valid
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return object{}, false
		}
		if _, twice := o.value[name]; twice {
			o.repeated = append(o.repeated, name)
			continue
		}
		o.keys = append(o.keys, name)
		o.value[name] = value
	}
	_, err := d.Token()
	return o, err == nil || err == io.EOF
}

// decoder fills a frame and notes what is wrong with it, without any value.
type decoder struct{ errors []FieldError }

func (d *decoder) note(pointer, code, message string) {
	d.errors = append(d.errors, FieldError{pointer, code, message})
}

func (d *decoder) object(o object, into reflect.Value, at string) {
	for _, name := range o.repeated {
		d.note(at+"/"+escape(name), "repeated", "stands there twice")
	}
	known := map[string]bool{}
	for i := range into.NumField() {
		name, options, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		known[name] = true
		raw, there := o.value[name]
		switch {
		case there:
			d.value(raw, into.Field(i), at+"/"+name)
		case options != "omitempty":
			d.note(at+"/"+name, "required", "is required")
		}
	}
	for _, name := range o.keys {
		if !known[name] {
			d.note(at+"/"+escape(name), "unknown_field", "is not a field of this frame")
		}
	}
}

func (d *decoder) value(raw json.RawMessage, into reflect.Value, at string) {
	if into.Type() == reflect.TypeFor[json.RawMessage]() {
		into.SetBytes(bytes.Clone(raw))
		return
	}
	expected := ""
	switch into.Kind() {
	case reflect.Struct:
		if o, ok := objectFields(raw); ok {
			d.object(o, into, at)
			return
		}
		expected = "an object"
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil && items != nil {
			into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
			for i, item := range items {
				d.value(item, into.Index(i), at+"/"+strconv.Itoa(i))
			}
			return
		}
		expected = "an array"
	case reflect.Pointer:
		n := reflect.New(into.Type().Elem())
		d.value(raw, n.Elem(), at)
		into.Set(n)
		return
	case reflect.String:
		expected = "a string"
	case reflect.Bool:
		expected = "true or false"
	case reflect.Int64:
		expected = "a whole number up to 9223372036854775807"
	}
	if string(raw) == "null" || json.Unmarshal(raw, into.Addr().Interface()) != nil {
		d.note(at, "wrong_type", "must be "+expected)
	}
}

// escape makes a name part of a JSON pointer. Names are shortened: clients
// choose them.
func escape(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64]) + "…"
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// depth is how deep valid JSON is nested.
func depth(raw []byte) int {
	deepest, now, inText := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{', c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}', c == ']':
			now--
		}
	}
	return deepest
}

// refusal is why a frame had no effect.
type refusal struct {
	id      string
	code    problem.Code
	detail  string
	errors  []FieldError
	retryIn int
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %s", r.code, r.detail) }

func (r *refusal) frame() *Error {
	return &Error{Type: "error", ID: r.id, Code: string(r.code), Detail: r.detail, Errors: r.errors, RetryIn: r.retryIn}
}
