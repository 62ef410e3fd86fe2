package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Result is one case: medians over the rounds. Ratio is the median of the
// rounds' ratios ours/line and Spread their range.
type Result struct {
	Bench  string     `json:"bench"`
	Case   string     `json:"case"`
	Ours   float64    `json:"ours"`
	Line   float64    `json:"line"`
	Ratio  float64    `json:"ratio"`
	Unit   string     `json:"unit"`
	Rounds int        `json:"rounds"`
	Spread [2]float64 `json:"spread"`
	Note   string     `json:"note,omitempty"`
}

// pairs collects the rounds of one case.
type pairs struct{ ours, line, ratios []float64 }

func (p *pairs) add(ours, line float64) {
	p.ours, p.line = append(p.ours, ours), append(p.line, line)
	p.ratios = append(p.ratios, ours/line)
}

func (p *pairs) result(bench, name, unit string) Result {
	return Result{
		Bench: bench, Case: name, Unit: unit, Rounds: len(p.ratios),
		Ours: median(p.ours), Line: median(p.line), Ratio: median(p.ratios),
		Spread: [2]float64{slices.Min(p.ratios), slices.Max(p.ratios)},
	}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Write prints results as a table, or as one JSON line each.
func Write(w io.Writer, results []Result, jsonl bool) error {
	if jsonl {
		enc := json.NewEncoder(w)
		for _, r := range results {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.AppendHeader(table.Row{"bench", "case", "ours", "line", "unit", "ratio", "spread", "rounds", "note"})
	for _, r := range results {
		t.AppendRow(table.Row{r.Bench, r.Case, number(r.Ours), number(r.Line), r.Unit, fmt.Sprintf("%.2f", r.Ratio),
			fmt.Sprintf("%.2f–%.2f", r.Spread[0], r.Spread[1]), r.Rounds, r.Note})
	}
	t.Render()
	return nil
}

func number(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.3g", f)
}
