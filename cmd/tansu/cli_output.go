package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// printer writes data to standard output in the chosen format. Lists may come
// in many parts and are written part by part, so their length is not bounded by
// memory; end closes a list.
type printer struct {
	w      io.Writer
	format string
	bold   bool
	width  int // of the terminal; 0 if there is none, then nothing is shortened

	count  int
	widths []int // of the columns so far
}

func newPrinter(w io.Writer, format string, color bool) (*printer, error) {
	switch format {
	case "table", "json", "yaml", "jsonl":
	default:
		return nil, usagef("-o %q is unknown; use table, json, yaml or jsonl", format)
	}
	p := &printer{w: w, format: format}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		p.bold = color
		p.width, _, _ = term.GetSize(int(f.Fd())) // 0 on error
	}
	return p, nil
}

// column is one column of a table, or one line of a single thing's table.
type column[T any] struct {
	title string
	cell  func(T) string
}

// printItems writes one part of a list.
func printItems[T any](p *printer, cols []column[T], items []item[T]) error {
	if p.format == "table" {
		if len(items) == 0 {
			return nil
		}
		rows := make([][]string, len(items))
		for i, it := range items {
			rows[i] = cells(cols, it.value)
		}
		titles := make([]string, len(cols))
		for i, c := range cols {
			titles[i] = c.title
		}
		return p.rows(titles, rows)
	}
	for _, it := range items {
		if err := p.document(it.raw); err != nil {
			return err
		}
	}
	return nil
}

// printItem writes a single thing.
func printItem[T any](p *printer, cols []column[T], it item[T]) error {
	switch p.format {
	case "json":
		return p.write(indent(it.raw, ""), "\n")
	case "jsonl":
		return p.document(it.raw)
	case "yaml":
		doc, err := toYAML(it.raw)
		if err != nil {
			return err
		}
		return p.write(doc)
	}
	values := cells(cols, it.value)
	rows := make([][]string, len(cols))
	for i, c := range cols {
		rows[i] = []string{c.title + ":", values[i]}
	}
	return p.rows(nil, rows)
}

func cells[T any](cols []column[T], v T) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = printable(c.cell(v), true)
	}
	return out
}

// rows writes lines of a table. The first part sets the widths of the columns
// and, if there are titles, a header.
func (p *printer) rows(titles []string, rows [][]string) error {
	t := table.NewWriter()
	t.SuppressTrailingSpaces()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	if p.bold {
		style.Color.Header = text.Colors{text.Bold}
	}
	style.Size.WidthMax = p.width
	t.SetStyle(style)

	if len(titles) > 0 && p.widths == nil {
		t.AppendHeader(toRow(titles))
		p.widen(titles)
	}
	for _, row := range rows {
		t.AppendRow(toRow(row))
		p.widen(row)
	}
	configs := make([]table.ColumnConfig, len(p.widths))
	for i, w := range p.widths {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMin: w}
	}
	t.SetColumnConfigs(configs)
	p.count += len(rows)
	return p.write([]byte(t.Render()), "\n")
}

func (p *printer) widen(row []string) {
	for i, cell := range row {
		if i == len(p.widths) {
			p.widths = append(p.widths, 0)
		}
		for line := range strings.Lines(cell) {
			p.widths[i] = max(p.widths[i], text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")))
		}
	}
}

func toRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}

// document writes one element of a list that is not a table.
func (p *printer) document(raw json.RawMessage) error {
	p.count++
	switch p.format {
	case "json":
		lead := ",\n  "
		if p.count == 1 {
			lead = "[\n  "
		}
		return p.write([]byte(lead), string(indent(raw, "  ")))
	case "yaml":
		doc, err := toYAML(json.RawMessage("[" + string(raw) + "]"))
		if err != nil {
			return err
		}
		return p.write(doc)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	return p.write(line.Bytes(), "\n")
}

// end closes a list.
func (p *printer) end() error {
	switch {
	case p.format == "json" && p.count > 0:
		return p.write([]byte("\n]\n"))
	case p.format == "json" || p.format == "yaml" && p.count == 0:
		return p.write([]byte("[]\n"))
	}
	return nil
}

func (p *printer) write(b []byte, more ...string) error {
	if _, err := p.w.Write(append(b, strings.Join(more, "")...)); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

func indent(raw json.RawMessage, prefix string) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, prefix, "  "); err != nil {
		return raw
	}
	return out.Bytes()
}

// printable takes the power over the terminal from a text that came from
// elsewhere. Line breaks may stay where a cell can hold them.
func printable(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, s)
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func jsonCell(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	return string(indent(raw, ""))
}
