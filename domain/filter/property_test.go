package filter_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/domain/filter"
)

// TestWrittenExpressionsReadTheSame prints arbitrary trees and parses them.
func TestWrittenExpressionsReadTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		root := conditions(2).Draw(t, "condition")
		text := root.String()
		if len(text) > filter.MaxLength {
			return
		}
		e, err := filter.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, text, e.String())
		for f := range e.Fields() {
			require.Equal(t, f.Path, text[f.Offset:f.Offset+len(f.Path)])
			f.Offset = 0
		}
		require.Equal(t, root, e.Root, text)
	})
}

// TestConditionsAreTwoValued checks laws that hold of any record.
func TestConditionsAreTwoValued(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		left, right := values().Draw(t, "left"), values().Draw(t, "right")
		holds := func(text string) bool {
			e, err := filter.Parse(text)
			require.NoError(t, err)
			return e.Match(func(path string) (filter.Value, bool) {
				if path == "a" {
					return left, true
				}
				return right, left != right || path == "b"
			})
		}
		require.NotEqual(t, holds("a == b"), holds("a != b"))
		require.NotEqual(t, holds("a"), holds("!a"))
		require.Equal(t, holds("a == b"), holds("b == a"))
		require.Equal(t, holds("a < b"), holds("b > a"))
		require.Equal(t, holds("a <= b"), holds("b >= a"))
		require.Equal(t, holds("a <= b && a >= b"), holds("(a <= b || a >= b) && a == b"), "order and equality agree")
		ordered := 0
		for _, text := range []string{"a < b", "a > b", "a <= b && a >= b"} {
			if holds(text) {
				ordered++
			}
		}
		require.LessOrEqual(t, ordered, 1)
		require.Equal(t, ordered == 1, holds("a <= b || a >= b"))
	})
}

func names() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"type", "@me", "data.total", "data.in.null", "_x.ä9.true", "metadata.address", "index"})
}

func literals() *rapid.Generator[*filter.Literal] {
	value := rapid.OneOf(
		rapid.Just(filter.Value{}), rapid.Map(rapid.Bool(), filter.Bool), rapid.Map(rapid.Int64(), filter.Int),
		rapid.Map(rapid.Float64(), filter.Float), rapid.Map(rapid.String(), filter.Text),
	)
	return rapid.Map(value, func(v filter.Value) *filter.Literal { return &filter.Literal{Value: v} })
}

func values() *rapid.Generator[filter.Value] {
	near := rapid.SampledFrom([]filter.Value{
		filter.Int(math.MaxInt64), filter.Float(math.MaxInt64), filter.Int(math.MinInt64), filter.Float(math.MinInt64),
		filter.Int(1 << 53), filter.Int(1<<53 + 1), filter.Float(0.5), filter.Float(math.Inf(1)), filter.Float(math.Copysign(0, -1)),
		filter.Int(0), filter.Text(""), filter.Text("2026-01-31"), filter.Text("2026-01-31T00:00:00.000Z"),
		filter.Time(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)), filter.JSON([]any{}),
	})
	return rapid.OneOf(near, rapid.Map(literals(), func(l *filter.Literal) filter.Value { return l.Value }))
}

func operands() *rapid.Generator[filter.Operand] {
	return rapid.OneOf(
		rapid.Map(names(), func(s string) filter.Operand { return &filter.Field{Path: s} }),
		rapid.Map(literals(), func(l *filter.Literal) filter.Operand { return l }),
	)
}

// conditions of up to so many levels, which stay within the bounds.
func conditions(levels int) *rapid.Generator[filter.Node] {
	leaves := rapid.OneOf(
		rapid.Map(names(), func(s string) filter.Node { return &filter.Field{Path: s} }),
		rapid.Map(rapid.Bool(), func(b bool) filter.Node { return &filter.Literal{Value: filter.Bool(b)} }),
		rapid.Custom(func(t *rapid.T) filter.Node {
			op := rapid.SampledFrom([]filter.Op{
				filter.Equal, filter.NotEqual, filter.Less, filter.LessEqual, filter.Greater, filter.GreaterEqual,
			}).Draw(t, "op")
			return &filter.Comparison{Op: op, Left: operands().Draw(t, "left"), Right: operands().Draw(t, "right")}
		}),
		rapid.Custom(func(t *rapid.T) filter.Node {
			list := rapid.SliceOfN(literals(), 0, 3).Draw(t, "list")
			if len(list) == 0 {
				list = nil
			}
			return &filter.Membership{Operand: operands().Draw(t, "operand"), List: list}
		}),
		rapid.Custom(func(t *rapid.T) filter.Node {
			f := rapid.SampledFrom([]filter.Function{filter.Contains, filter.StartsWith, filter.EndsWith}).Draw(t, "function")
			return &filter.Call{Field: &filter.Field{Path: names().Draw(t, "path")}, Function: f, Argument: rapid.StringN(-1, -1, 20).Draw(t, "argument")}
		}),
	)
	if levels == 0 {
		return leaves
	}
	inner := conditions(levels - 1)
	terms := rapid.SliceOfN(inner, 2, 3)
	return rapid.OneOf(
		leaves,
		rapid.Map(terms, func(n []filter.Node) filter.Node { return &filter.Or{Terms: n} }),
		rapid.Map(terms, func(n []filter.Node) filter.Node { return &filter.And{Terms: n} }),
		rapid.Map(inner, func(n filter.Node) filter.Node { return &filter.Not{Term: n} }),
	)
}
