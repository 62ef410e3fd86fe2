package filter

import "strings"

// Match reports whether the expression holds of a record. fields returns the
// value of a field, false if the record has none of that path.
//
// The meaning is CEL's, without errors: whatever the record holds, a condition
// is true or false.
//
//   - A missing field is null. null equals null and nothing else.
//   - == holds between values of one kind that are the same; != is its opposite.
//     Numbers are compared by value (1 == 1.0), objects and lists equal nothing.
//   - <, <=, > and >= hold between two numbers, two texts (by code point) or two
//     times only. A text in RFC 3339, or a date, stands for a time beside a field
//     that is one.
//   - A field alone holds if it is the boolean true.
//   - in holds if one element of the list is equal; contains, startsWith and
//     endsWith hold of texts only, in the same case.
func (e *Expr) Match(fields func(path string) (Value, bool)) bool { return holds(e.Root, fields) }

func holds(n Node, fields func(string) (Value, bool)) bool {
	switch n := n.(type) {
	case *And:
		for _, t := range n.Terms {
			if !holds(t, fields) {
				return false
			}
		}
		return true
	case *Or:
		for _, t := range n.Terms {
			if holds(t, fields) {
				return true
			}
		}
		return false
	case *Not:
		return !holds(n.Term, fields)
	case *Comparison:
		return n.holds(value(n.Left, fields), value(n.Right, fields))
	case *Membership:
		v := value(n.Operand, fields)
		for _, l := range n.List {
			if equal(v, l.Value) {
				return true
			}
		}
		return false
	case *Call:
		return n.holds(value(n.Field, fields))
	case Operand:
		return value(n, fields) == Bool(true)
	}
	return false
}

// value of an operand; what is missing is null.
func value(o Operand, fields func(string) (Value, bool)) Value {
	if l, ok := o.(*Literal); ok {
		return l.Value
	}
	if v, found := fields(o.(*Field).Path); found {
		return v
	}
	return Value{}
}

func (n *Comparison) holds(left, right Value) bool {
	switch n.Op {
	case Equal:
		return equal(left, right)
	case NotEqual:
		return !equal(left, right)
	}
	order, comparable := compare(left, right)
	if !comparable {
		return false
	}
	switch n.Op {
	case Less:
		return order < 0
	case LessEqual:
		return order <= 0
	case Greater:
		return order > 0
	}
	return order >= 0
}

func (n *Call) holds(v Value) bool {
	if v.kind != KindText {
		return false
	}
	switch n.Function {
	case Contains:
		return strings.Contains(v.text, n.Argument)
	case StartsWith:
		return strings.HasPrefix(v.text, n.Argument)
	}
	return strings.HasSuffix(v.text, n.Argument)
}
