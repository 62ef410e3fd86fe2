package filter

import (
	"iter"
	"strings"
)

// Expr is a checked expression. Safe for concurrent use.
type Expr struct{ Root Node }

// String writes the expression; Parse reads the same one from it.
func (e *Expr) String() string { return e.Root.String() }

// Node is a condition: *Or, *And, *Not, *Comparison, *Membership, *Call, or an
// operand that is true or false.
type Node interface {
	String() string
	node()
}

// Operand is a *Field or *Literal.
type Operand interface {
	Node
	operand()
}

// Op is the operator of a comparison.
type Op string

// The operators.
const (
	Equal        Op = "=="
	NotEqual     Op = "!="
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Function is a test of a text.
type Function string

// The functions.
const (
	Contains   Function = "contains"
	StartsWith Function = "startsWith"
	EndsWith   Function = "endsWith"
)

// Nodes of the tree. Or and And have two or more terms.
type (
	Or         struct{ Terms []Node }
	And        struct{ Terms []Node }
	Not        struct{ Term Node }
	Comparison struct {
		Op          Op
		Left, Right Operand
	}
	Membership struct {
		Operand Operand
		List    []*Literal
	}
	Call struct {
		Field    *Field
		Function Function
		Argument string
	}
	Field struct {
		Path   string // names with dots between them
		Offset int    // where it stands in the text
	}
	Literal struct{ Value Value }
)

func (*Or) node()         {}
func (*And) node()        {}
func (*Not) node()        {}
func (*Comparison) node() {}
func (*Membership) node() {}
func (*Call) node()       {}
func (*Field) node()      {}
func (*Literal) node()    {}
func (*Field) operand()   {}
func (*Literal) operand() {}

func (n *Or) String() string  { return join(n.Terms, " || ") }
func (n *And) String() string { return join(n.Terms, " && ") }

func (n *Not) String() string {
	switch n.Term.(type) {
	case *Not, *Call, *Field, *Literal:
		return "!" + n.Term.String()
	}
	return "!(" + n.Term.String() + ")"
}

func (n *Comparison) String() string {
	return n.Left.String() + " " + string(n.Op) + " " + n.Right.String()
}

func (n *Membership) String() string {
	list := make([]string, len(n.List))
	for i, l := range n.List {
		list[i] = l.String()
	}
	return n.Operand.String() + " in [" + strings.Join(list, ", ") + "]"
}

func (n *Call) String() string {
	return n.Field.Path + "." + string(n.Function) + "(" + quote(n.Argument) + ")"
}

func (n *Field) String() string   { return n.Path }
func (n *Literal) String() string { return n.Value.String() }

// join writes terms; those that bind no stronger than their parent stand in
// parentheses.
func join(terms []Node, operator string) string {
	parts := make([]string, len(terms))
	for i, t := range terms {
		parts[i] = t.String()
		_, isOr := t.(*Or)
		_, isAnd := t.(*And)
		if isOr || isAnd && operator == " && " {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, operator)
}

// Fields lists the fields that the expression names, as often as it does.
func (e *Expr) Fields() iter.Seq[*Field] {
	return func(yield func(*Field) bool) { eachField(e.Root, yield) }
}

func eachField(n Node, yield func(*Field) bool) bool {
	terms := func(nodes ...Node) bool {
		for _, n := range nodes {
			if !eachField(n, yield) {
				return false
			}
		}
		return true
	}
	switch n := n.(type) {
	case *Or:
		return terms(n.Terms...)
	case *And:
		return terms(n.Terms...)
	case *Not:
		return terms(n.Term)
	case *Comparison:
		return terms(n.Left, n.Right)
	case *Membership:
		return terms(n.Operand)
	case *Call:
		return terms(n.Field)
	case *Field:
		return yield(n)
	}
	return true
}
