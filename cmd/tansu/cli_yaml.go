package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// toYAML converts a JSON document, keeping the order of its fields and the
// exact value of its integers.
func toYAML(raw json.RawMessage) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := yamlValue(dec)
	if err != nil {
		return nil, fmt.Errorf("convert to YAML: %w", err)
	}
	node, err := yaml.ValueToNode(v)
	if err != nil {
		return nil, fmt.Errorf("convert to YAML: %w", err)
	}
	ast.Walk(quoteUnprintable{}, node)
	return append([]byte(node.String()), '\n'), nil
}

// quoteUnprintable writes strings that hold control characters with escapes;
// they would reach the terminal otherwise and are not allowed in YAML.
type quoteUnprintable struct{}

func (q quoteUnprintable) Visit(n ast.Node) ast.Visitor {
	if s, ok := n.(*ast.StringNode); ok && printable(s.Value, true) != s.Value {
		s.Token.Type = token.DoubleQuoteType
	}
	return q
}

func yamlValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			return yamlList(dec)
		}
		return yamlMap(dec)
	case json.Number:
		return yamlNumber(tok)
	}
	return tok, nil
}

func yamlList(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := yamlValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token()
	return list, err
}

func yamlMap(dec *json.Decoder) (any, error) {
	fields := yaml.MapSlice{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := yamlValue(dec)
		if err != nil {
			return nil, err
		}
		fields = append(fields, yaml.MapItem{Key: key, Value: v})
	}
	_, err := dec.Token()
	return fields, err
}

func yamlNumber(n json.Number) (any, error) {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u, nil
	}
	return n.Float64()
}
