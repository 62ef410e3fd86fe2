package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tansu.cloud/api/problem"
)

var (
	//go:embed docs.html
	docsHTML string
	//go:embed docs.css
	docsCSS string
)

// docsPolicy admits nothing but the page's own style.
var docsPolicy = func() string {
	sum := sha256.Sum256([]byte(docsCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// docsPage renders the OpenAPI document for people. It needs no script.
func docsPage(doc *huma.OpenAPI) ([]byte, error) {
	view := docsView{Title: doc.Info.Title, Version: doc.Info.Version, Style: template.CSS(docsCSS), Problems: slices.Concat(problem.Catalogue(), problem.FeedCatalogue())}
	view.Introduction = prose(doc.Info.Description)
	for _, tag := range doc.Tags {
		section := docsSection{Name: tag.Name, ID: anchor(tag.Name), Description: tag.Description}
		for _, op := range operations(doc) {
			if slices.Contains(op.Tags, tag.Name) {
				section.Operations = append(section.Operations, docsOperationOf(doc, op))
			}
		}
		view.Sections = append(view.Sections, section)
	}
	schemas := doc.Components.Schemas.Map()
	for name := range schemas {
		view.Schemas = append(view.Schemas, docsSchemaOf(name, schemas[name]))
	}
	slices.SortFunc(view.Schemas, func(a, b docsSchema) int { return strings.Compare(a.Name, b.Name) })
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, view)
	return out.Bytes(), err
}

type docsView struct {
	Title, Version string
	Style          template.CSS
	Introduction   [][]docsText
	Sections       []docsSection
	Schemas        []docsSchema
	Problems       []problem.Entry
}

type docsSection struct {
	Name, ID, Description string
	Operations            []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	Description               [][]docsText
	Parameters                []docsParameter
	Body, Curl                string
	Answers                   []docsAnswer
}

type docsParameter struct {
	Name, In, Type, Description string
	Required                    bool
}

type docsAnswer struct {
	Status, Example, Schema string
	Description             []docsText
	Headers                 []docsParameter
}

type docsSchema struct {
	Name, Description string
	Fields            []docsParameter
}

func docsOperationOf(doc *huma.OpenAPI, op *huma.Operation) docsOperation {
	view := docsOperation{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary,
		Description: prose(op.Description), Curl: curl(op),
	}
	for _, p := range op.Parameters {
		view.Parameters = append(view.Parameters, docsParameter{p.Name, p.In, typeName(p.Schema), p.Description, p.Required})
	}
	if op.RequestBody != nil {
		view.Body = pretty(op.RequestBody.Content["application/json"].Example)
	}
	for _, status := range sortedKeys(op.Responses) {
		response := op.Responses[status]
		if name, shared := strings.CutPrefix(response.Ref, responsePrefix); shared {
			response = doc.Components.Responses[name]
		}
		answer := docsAnswer{Status: status, Description: inline(response.Description)}
		for _, name := range sortedKeys(response.Headers) {
			answer.Headers = append(answer.Headers, docsParameter{Name: name, Description: response.Headers[name].Description})
		}
		if code, _ := strconv.Atoi(status); code < http.StatusBadRequest {
			for _, media := range response.Content {
				answer.Example = pretty(media.Example)
				if media.Schema != nil && media.Schema.Ref != "" {
					answer.Schema = strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")
				}
			}
		}
		view.Answers = append(view.Answers, answer)
	}
	return view
}

func docsSchemaOf(name string, schema *huma.Schema) docsSchema {
	view := docsSchema{Name: name, Description: schema.Description}
	for _, field := range sortedKeys(schema.Properties) {
		property := schema.Properties[field]
		view.Fields = append(view.Fields, docsParameter{
			Name: field, Type: typeName(property), Description: property.Description, Required: slices.Contains(schema.Required, field),
		})
	}
	return view
}

// curl is a command line that works, once the token is in TANSU_TOKEN.
func curl(op *huma.Operation) string {
	lines := []string{"curl"}
	if op.Method != http.MethodGet {
		lines[0] += " -X " + op.Method
	}
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			value := p.Example
			if value == nil && p.Schema != nil && len(p.Schema.Examples) > 0 {
				value = p.Schema.Examples[0]
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", strings.Trim(pretty(value), `"`))
		}
	}
	lines[0] += ` "$TANSU_URL` + path + `"`
	if len(op.Security) > 0 {
		lines = append(lines, `-H "Authorization: Bearer $TANSU_TOKEN"`)
	}
	if op.RequestBody != nil {
		body, err := json.Marshal(op.RequestBody.Content["application/json"].Example)
		if err == nil {
			lines = append(lines, `-H "Content-Type: application/json"`, "-d '"+string(body)+"'")
		}
	}
	return strings.Join(lines, " \\\n  ")
}

func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Type == huma.TypeArray:
		return typeName(s.Items) + "[]"
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = strings.Trim(pretty(v), `"`)
		}
		return strings.Join(values, " | ")
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	case s.Type == "":
		return "any"
	}
	return s.Type
}

func pretty(v any) string {
	if v == nil {
		return ""
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSpace(out.String())
}

// docsText is a run of text; the documents use bold and code only.
type docsText struct {
	Text       string
	Bold, Code bool
}

var markup = regexp.MustCompile("`[^`]+`|\\*\\*[^*]+\\*\\*")

func inline(text string) []docsText {
	var runs []docsText
	at := 0
	for _, m := range markup.FindAllStringIndex(text, -1) {
		if m[0] > at {
			runs = append(runs, docsText{Text: text[at:m[0]]})
		}
		marked := text[m[0]:m[1]]
		runs = append(runs, docsText{Text: strings.Trim(marked, "`*"), Bold: marked[0] == '*', Code: marked[0] == '`'})
		at = m[1]
	}
	return append(runs, docsText{Text: text[at:]})
}

func prose(text string) [][]docsText {
	var paragraphs [][]docsText
	for _, p := range strings.Split(text, "\n\n") {
		paragraphs = append(paragraphs, inline(p))
	}
	return paragraphs
}

func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
