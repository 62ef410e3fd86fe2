// Package filter is the one expression language of Tansu: feeds and webhooks
// evaluate it in memory, lists and row rules compile it to SQL. An expression is
// parsed and checked once and then evaluated against the fields of a record:
//
//	type == "tenant.renamed" && (data.total > 100 || actor != "operator")
//
// The grammar, in which || binds weakest:
//
//	condition  = and { "||" and }
//	and        = term { "&&" term }
//	term       = "!" term | operand relation | call | field | "true" | "false" | "(" condition ")"
//	relation   = ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand | "in" "[" [ literal { "," literal } ] "]"
//	call       = field "." ( "contains" | "startsWith" | "endsWith" ) "(" text ")"
//	operand    = field | literal
//	field      = name { "." name }      such as data.order.total, or @me
//	literal    = text | number | "true" | "false" | "null"
//
// Texts stand in single or double quotes, with the escapes of JSON; numbers are
// written as in JSON. [Expr.Match] says what a condition means.
package filter

import "fmt"

// Bounds of an expression, so that a client's filter costs little.
const (
	MaxLength = 2_000 // bytes of text
	MaxDepth  = 10    // parentheses and negations inside one another
	MaxNodes  = 50    // conditions, fields and literals
)

// SyntaxError says where a text is not an expression, and how to put it right.
type SyntaxError struct {
	Offset  int // in bytes
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at offset %d: %s", e.Offset, e.Message) }

func wrong(offset int, message string, args ...any) error {
	return &SyntaxError{offset, fmt.Sprintf(message, args...)}
}
