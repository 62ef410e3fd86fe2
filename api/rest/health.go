package rest

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
)

// Health is what the node says of itself.
type Health struct {
	Started    bool // start-up is over
	Ready      bool // takes requests; false again while it drains
	Components map[string]Component
}

// Component is one part of the node.
type Component struct {
	Ready  bool   `json:"ready" doc:"Whether it works." example:"true"`
	Detail string `json:"detail,omitempty" doc:"What is wrong, or worth knowing." example:"lag 0 events"`
}

// HealthStatus is the answer to a probe.
type HealthStatus struct {
	Status     string               `json:"status" doc:"ok" example:"ok"`
	Components map[string]Component `json:"components,omitempty" doc:"The parts of the node; only with a token that may read metrics."`
}

type healthOutput struct {
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         HealthStatus
}

type probeInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
}

const permissionMetrics = "metrics.read"

func (s *server) healthRoutes() {
	probe := func(path, id, summary, description string, check func(Health) bool) {
		register(s, endpoint{
			route: route{public: true}, id: id, method: http.MethodGet, path: path, tag: "Health",
			summary: summary, description: description,
		}, func(ctx context.Context, in *probeInput) (*healthOutput, error) {
			health := s.Health(ctx)
			if p, err := s.Access.Authenticate(ctx, bearer(in.Authorization), ""); err != nil || !p.Permitted(eventstore.SystemTenant, permissionMetrics) {
				health.Components = nil
			}
			if !check(health) {
				return nil, unhealthy(health)
			}
			return &healthOutput{CacheControl: "no-store", Body: HealthStatus{Status: "ok", Components: health.Components}}, nil
		})
	}
	register(s, endpoint{
		route: route{public: true}, id: "live", method: http.MethodGet, path: "/livez", tag: "Health",
		summary: "Is the process alive?", description: "Answers 200 as long as the process can answer at all.",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{CacheControl: "no-store", Body: HealthStatus{Status: "ok"}}, nil
	})
	probe("/readyz", "ready", "Does the node take requests?", "Answers 503 while the node starts or drains. With a token it tells about its parts.",
		func(h Health) bool { return h.Ready })
	probe("/startupz", "started", "Has the node started?", "Answers 503 until start-up is over.", func(h Health) bool { return h.Started })

	metrics := route{permission: permissionMetrics, produces: "text/plain"}
	if s.Config.PublicMetrics {
		metrics = route{public: true, produces: "text/plain"}
	}
	s.handle("GET /metrics", metrics, func(w http.ResponseWriter, r *http.Request) { s.Metrics.ServeHTTP(w, r) })
}

// unhealthy names the parts that keep the node from serving.
func unhealthy(h Health) error {
	p := problem.New(problem.Unavailable, "The node is starting or draining.").WithHeader("Retry-After", "1")
	for _, name := range slices.Sorted(maps.Keys(h.Components)) {
		if c := h.Components[name]; !c.Ready {
			p.WithErrors(problem.FieldError{Pointer: "/components/" + name, Code: "not_ready", Message: c.Detail})
		}
	}
	return p
}
