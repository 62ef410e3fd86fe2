// Package filter is the one expression language of Tansu: feeds and webhooks
// evaluate it in memory, lists and row rules compile it to SQL. An expression is
// parsed and checked once and then evaluated against the fields of a record:
//
//	type == "tenant.renamed" && (data.total > 100 || actor != "operator")
package filter

// Bounds of an expression, so that a client's filter costs little.
const (
	MaxLength = 2_000 // bytes of text
	MaxDepth  = 10
	MaxNodes  = 50
)
