package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
)

// OpenAPI returns the OpenAPI 3.1 document, always the same bytes for the same
// routes. The copy in api/openapi.json is compared with it.
func OpenAPI() ([]byte, error) {
	p, err := published()
	return p.document, err
}

// publication is what the routes look like from outside: the document and the
// page made from it. Neither depends on any setting.
type publication struct{ document, page []byte }

var published = sync.OnceValues(func() (publication, error) {
	doc := newServer(Deps{}).api.OpenAPI()
	describe(doc)
	compact, err := json.Marshal(doc)
	if err != nil {
		return publication{}, err
	}
	var document bytes.Buffer
	if err := json.Indent(&document, compact, "", "  "); err != nil {
		return publication{}, err
	}
	document.WriteByte('\n')
	page, err := docsPage(doc)
	return publication{document.Bytes(), page}, err
})

// publish serves the document and the page.
func (s *server) publish() error {
	p, err := published()
	if err != nil {
		return err
	}
	s.handle("GET /openapi.json", route{public: true, produces: "application/openapi+json"},
		static("application/openapi+json", "", p.document))
	async, err := ws.AsyncAPI()
	if err != nil {
		return err
	}
	s.handle("GET /asyncapi.json", route{public: true, produces: ws.AsyncAPIType}, static(ws.AsyncAPIType, "", async))
	s.handle("GET /docs", route{public: true, produces: "text/html"},
		static("text/html; charset=utf-8", docsPolicy, p.page))
	return nil
}

// static answers with bytes that change only with the program.
func static(contentType, policy string, content []byte) http.HandlerFunc {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		unchanged, err := notModified(r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), tag)
		if err != nil {
			refuse(r.Context(), err).Write(w)
			return
		}
		h := w.Header()
		h.Set("ETag", tag)
		if policy != "" { // of what is kept, too: browsers replace its headers by those of a 304
			h.Set("Content-Security-Policy", policy)
		}
		if unchanged {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", strconv.Itoa(len(content)))
		// A client that went away cannot be told so.
		_, _ = w.Write(content)
	}
}

// describe completes the document with what huma cannot know.
func describe(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	for name, description := range schemaDescriptions {
		if schema := schemas[name]; schema != nil {
			schema.Description = description
		}
	}
	doc.Components.Responses = map[string]*huma.Response{}
	for _, op := range operations(doc) {
		for _, p := range op.Parameters {
			p.Schema.Description = "" // said by the parameter
		}
		if op.RequestBody != nil {
			op.RequestBody.Description = "JSON; unknown fields are refused."
			exemplify(doc, op.RequestBody.Content)
		}
		if op.Method != http.MethodGet {
			accepted := *op.Responses[strconv.Itoa(op.DefaultStatus)]
			accepted.Description = "The same, with Prefer: respond-async."
			op.Responses[strconv.Itoa(http.StatusAccepted)] = &accepted
		}
		if same := op.Responses[strconv.Itoa(http.StatusNotModified)]; same != nil {
			describeTag(op.Responses[strconv.Itoa(http.StatusOK)])
			describeTag(same)
		}
		for status, response := range op.Responses {
			if code, _ := strconv.Atoi(status); code >= http.StatusBadRequest {
				op.Responses[status] = sharedProblem(doc, code, response)
			} else {
				describeAnswer(doc, response)
			}
		}
	}
}

// sharedProblem puts the response of a status among the components, once.
func sharedProblem(doc *huma.OpenAPI, status int, response *huma.Response) *huma.Response {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	response.Description = problemTitles(status)
	for _, media := range response.Content {
		media.Example = exampleProblem(status)
	}
	doc.Components.Responses[name] = response
	return &huma.Response{Ref: responsePrefix + name}
}

const responsePrefix = "#/components/responses/"

// describeTag tells of the entity tag, unless the route has one of its own.
func describeTag(response *huma.Response) {
	if response.Headers == nil {
		response.Headers = map[string]*huma.Param{}
	}
	if response.Headers["ETag"] == nil {
		response.Headers["ETag"] = &huma.Param{
			Description: "Stands for this answer in If-None-Match.", Schema: &huma.Schema{Type: huma.TypeString},
		}
	}
}

func describeAnswer(doc *huma.OpenAPI, response *huma.Response) {
	exemplify(doc, response.Content)
	if response.Headers == nil {
		response.Headers = map[string]*huma.Param{}
	}
	response.Headers["X-Request-Id"] = &huma.Param{
		Description: "Names this request in the server's log.", Schema: &huma.Schema{Type: huma.TypeString},
	}
	for _, header := range response.Headers {
		if header.Description == "" && header.Schema != nil {
			header.Description, header.Schema.Description = header.Schema.Description, ""
		}
	}
}

func exemplify(doc *huma.OpenAPI, content map[string]*huma.MediaType) {
	for _, media := range content {
		if media.Schema != nil && media.Example == nil {
			media.Example = example(doc.Components.Schemas, media.Schema)
		}
	}
}

// example builds an instance of a schema from the examples of its fields.
func example(registry huma.Registry, schema *huma.Schema) any {
	if schema.Ref != "" {
		schema = registry.SchemaFromRef(schema.Ref)
	}
	switch {
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Type == huma.TypeArray:
		if item := example(registry, schema.Items); item != nil {
			return []any{item}
		}
	case schema.Type == huma.TypeObject:
		object := map[string]any{}
		for name, property := range schema.Properties {
			if value := example(registry, property); value != nil {
				object[name] = value
			}
		}
		return object
	}
	return nil
}

func exampleProblem(status int) any {
	for _, e := range problem.Catalogue() {
		if e.Status == status {
			return problem.New(e.Code, e.Advice).At("01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f", "4bf92f3577b34da6a3ce929d0e0e4736")
		}
	}
	return nil
}

// operations lists all operations by path and method.
func operations(doc *huma.OpenAPI) []*huma.Operation {
	var paths []string
	for path := range doc.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var all []*huma.Operation
	for _, path := range paths {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}
