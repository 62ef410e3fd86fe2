package filter

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind of a value.
type Kind uint8

// The kinds.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindText
	KindTime   // of a field; a text in RFC 3339 compares with it
	KindNested // an object or a list, which equals nothing
)

// Value of a field or literal. The zero value is null.
type Value struct {
	kind    Kind
	integer bool  // a number that bits hold as it is, not as a float
	bits    int64 // of the boolean, number or time (microseconds)
	text    string
}

// Bool, Int, Float, Text and Time make values.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, bits: 1}
	}
	return Value{kind: KindBool}
}

// Int makes a number.
func Int(n int64) Value { return Value{kind: KindNumber, integer: true, bits: n} }

// Float makes a number. Whole ones become integers where they fit, so that equal
// numbers are equal values.
func Float(f float64) Value {
	if f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
		return Int(int64(f))
	}
	return Value{kind: KindNumber, bits: int64(math.Float64bits(f))}
}

// Text makes a text.
func Text(s string) Value { return Value{kind: KindText, text: s} }

// Time makes a time, which counts in microseconds.
func Time(t time.Time) Value { return Value{kind: KindTime, bits: t.UnixMicro()} }

// JSON makes a value of what encoding/json decodes into an any, with or without
// UseNumber.
func JSON(v any) Value {
	switch v := v.(type) {
	case nil:
		return Value{}
	case bool:
		return Bool(v)
	case float64:
		return Float(v)
	case json.Number:
		return number(v.String())
	case string:
		return Text(v)
	}
	return Value{kind: KindNested}
}

// number reads a number in JSON's notation; one that is too large is infinite.
func number(text string) Value {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(n)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return Float(f)
}

// Kind of the value.
func (v Value) Kind() Kind { return v.kind }

// Any returns the value as nil, bool, int64, float64, string or time.Time; what
// is nested is lost.
func (v Value) Any() any {
	switch v.kind {
	case KindBool:
		return v.bits == 1
	case KindNumber:
		if v.integer {
			return v.bits
		}
		return v.float()
	case KindText:
		return v.text
	case KindTime:
		return time.UnixMicro(v.bits).UTC()
	}
	return nil
}

func (v Value) float() float64 {
	if v.integer {
		return float64(v.bits)
	}
	return math.Float64frombits(uint64(v.bits))
}

// String writes the value as the literal that Parse reads.
func (v Value) String() string {
	switch v.kind {
	case KindBool:
		return strconv.FormatBool(v.bits == 1)
	case KindNumber:
		if v.integer {
			return strconv.FormatInt(v.bits, 10)
		}
		return strconv.FormatFloat(v.float(), 'g', -1, 64)
	case KindText:
		return quote(v.text)
	case KindTime:
		return quote(time.UnixMicro(v.bits).UTC().Format(time.RFC3339Nano))
	case KindNested:
		return "{}"
	}
	return "null"
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			b.WriteString(`\u00`)
			b.WriteByte("0123456789abcdef"[r>>4])
			b.WriteByte("0123456789abcdef"[r&0xf])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// equal reports whether two values are of one kind and the same.
func equal(a, b Value) bool {
	if a.kind != b.kind {
		a, b = alike(a, b)
	}
	return a == b && a.kind != KindNested
}

// compare orders two numbers, texts (by code point) or times.
func compare(a, b Value) (order int, comparable bool) {
	if a.kind != b.kind {
		a, b = alike(a, b)
	}
	if a.kind != b.kind {
		return 0, false
	}
	switch a.kind {
	case KindNumber:
		return compareNumbers(a, b), true
	case KindText:
		return strings.Compare(a.text, b.text), true
	case KindTime:
		return cmp.Compare(a.bits, b.bits), true
	}
	return 0, false
}

// compareNumbers is exact: a float that is not an integer is a fraction, or
// beyond the integers.
func compareNumbers(a, b Value) int {
	switch {
	case a.integer == b.integer && a.integer:
		return cmp.Compare(a.bits, b.bits)
	case a.integer && !b.integer:
		if order := cmp.Compare(a.float(), b.float()); order != 0 {
			return order
		}
		return -1 // only 2^63 is as large as a rounded integer
	case b.integer && !a.integer:
		return -compareNumbers(b, a)
	}
	return cmp.Compare(a.float(), b.float())
}

// alike reads a text that meets a time as one.
func alike(a, b Value) (Value, Value) {
	if a.kind == KindTime && b.kind == KindText {
		return a, timeOf(b)
	}
	if a.kind == KindText && b.kind == KindTime {
		return timeOf(a), b
	}
	return a, b
}

func timeOf(v Value) Value {
	for _, layout := range [...]string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, v.text); err == nil {
			return Time(t)
		}
	}
	return v
}
