package rest

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tansu.cloud/api/bounds"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/projections/feeds"
)

const contentEventStream = "text/event-stream"

type followInput struct {
	LastEventID string    `header:"Last-Event-ID" maxLength:"19" doc:"Resume after this position; wins over after, now and snapshot. Clients of Server-Sent Events send it by themselves." example:"42"`
	After       positions `query:"after" minimum:"0" doc:"Begin after the last position already seen; 0: with the first event." example:"42"`
	Now         bool      `query:"now" doc:"Begin with what comes next; so it is too without after and snapshot." example:"false"`
	Snapshot    string    `query:"snapshot" maxLength:"200" doc:"Begin with the rows of this read model, then go on with what came after them." example:"tenants"`
	Type        string    `query:"type" maxLength:"2000" doc:"Only events of these types, joined by commas." example:"tenant.created,tenant.renamed"`
	StreamType  string    `query:"stream_type" maxLength:"200" doc:"Only events of streams of this type." example:"tenant"`
	StreamID    string    `query:"stream_id" maxLength:"255" doc:"Only events of streams with this id." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Actor       string    `query:"actor" maxLength:"1024" doc:"Only events that this principal caused." example:"operator"`
	Filter      string    `query:"filter" maxLength:"4096" doc:"Only events that satisfy this expression as well; see docs/protocol.md." example:"data.name != \"\""`
	Coalesce    bool      `query:"coalesce" doc:"When the reader is behind, only the newest event of each stream." example:"false"`
}

// positions is a parameter that may be absent, which is not the same as 0.
type positions struct {
	value int64
	given bool
}

// Schema is that of the position.
func (p positions) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

// Receiver lets huma fill in the position.
func (p *positions) Receiver() reflect.Value { return reflect.ValueOf(&p.value).Elem() }

// OnParamSet notes that it was given.
func (p *positions) OnParamSet(given bool, _ any) { p.given = given }

func (s *server) feedRoutes() {
	register(s, endpoint{
		route: route{permission: ws.PermissionEvents, tenant: true, long: true, produces: contentEventStream},
		id:    "follow-events", method: http.MethodGet, path: "/v1/feed", tag: "Feeds",
		summary: "Follow the log",
		description: "A feed as Server-Sent Events, without an end. The id of an event is its position; resume with it. " +
			"Refuses with `position_ahead`, `filter_invalid`, `snapshot_unknown`, `snapshot_too_large` and `too_many_connections`; see docs/protocol.md.",
		content: &huma.MediaType{
			Schema:  &huma.Schema{Type: huma.TypeString, Description: "Server-Sent Events: subscribed, event, position, lagged, snapshot and closing."},
			Example: "id: 41\nevent: subscribed\ndata: {\"position\":41}\n\nid: 42\nevent: event\ndata: {\"specversion\":\"1.0\",\"tansuposition\":\"42\"}\n\n",
		},
		also: map[int]string{http.StatusTooManyRequests: "Too many connections of the tenant or the principal."},
	}, s.follow)
	s.handle("GET /v1/ws", route{public: true}, func(w http.ResponseWriter, r *http.Request) {
		if label := s.subdomain(r.Host); label != "" {
			r.Header.Add("X-Tenant-Id", label) // names the tenant just as well
		}
		s.Sockets.ServeHTTP(w, r)
	})
}

// follow opens a feed and streams it. What is wrong with it is answered as a
// problem, before the stream begins.
func (s *server) follow(ctx context.Context, in *followInput) (*huma.StreamResponse, error) {
	spec, err := in.spec()
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		st := newEventStream(w, s.Logger)
		if r.Method == http.MethodHead {
			st.begin()
			return
		}
		c := callOf(ctx)
		feed, err := s.Feeds.Open(ctx, ws.Reader{Token: c.token, Tenant: c.tenant, Origin: bounds.CrossOrigin(r), Cut: st.cut}, spec, st.wake)
		if err != nil {
			middleware.Refuse(w, r, refuse(ctx, atParameter(err, in)))
			return
		}
		defer feed.Close()
		st.run(ctx, feed)
	}}, nil
}

func (in *followInput) spec() (feeds.Spec, error) {
	spec := feeds.Spec{Filter: in.Filter, Coalesce: in.Coalesce, After: in.After.value, FromSnapshot: in.Snapshot}
	starts := 0
	for _, given := range []bool{in.After.given, in.Now, in.Snapshot != ""} {
		if given {
			starts++
		}
	}
	if starts > 1 {
		return spec, problem.New(problem.ValidationFailed, "Give one of after, now and snapshot.").
			WithErrors(problem.FieldError{Pointer: "/query/after", Code: "ambiguous", Message: "must be the only one of after, now and snapshot"})
	}
	spec.FromNow = !in.After.given && in.Snapshot == ""
	if in.LastEventID != "" {
		last, err := strconv.ParseInt(in.LastEventID, 10, 64)
		if err != nil || last < 0 {
			return spec, problem.New(problem.HeaderInvalid, "A header is not as it must be; errors names it.").
				WithErrors(problem.FieldError{Pointer: "/header/Last-Event-ID", Code: "wrong_type", Message: "must be a position, 0 or more"})
		}
		spec.After, spec.FromNow, spec.FromSnapshot = last, false, ""
	}
	if in.Type+in.StreamType+in.StreamID+in.Actor != "" {
		for _, kind := range strings.Split(strings.Trim(in.Type, ","), ",") {
			spec.Topics = append(spec.Topics, feeds.Topic{StreamType: in.StreamType, StreamID: in.StreamID, Type: kind, Actor: in.Actor})
		}
	}
	return spec, nil
}

// atParameter turns the pointers of a refusal, which are those of the subscribe
// frame, into those of the parameters.
func atParameter(err error, in *followInput) error {
	p := problem.From(err)
	if p.Code == problem.FrameInvalid {
		p = problem.New(problem.ValidationFailed, "The request is not as it must be; errors names each field.").WithErrors(p.Errors...)
	}
	for i, e := range p.Errors {
		name := e.Pointer[strings.LastIndexByte(e.Pointer, '/')+1:]
		if name == "topics" {
			name = "type" // each is a topic
		}
		p.Errors[i].Pointer = "/query/" + name
		if name == "after" && in.LastEventID != "" {
			p.Errors[i].Pointer = "/header/Last-Event-ID"
		}
	}
	return p
}
