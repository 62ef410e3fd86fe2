package rest

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// NewBroken returns an interface without the first wall: between the decision
// which tenant a request is about and its handler, the tenant becomes another.
func NewBroken(d Deps, other uuid.UUID) (http.Handler, error) {
	d.Config.setDefaults()
	s := newServer(d)
	if err := s.publish(); err != nil {
		return nil, err
	}
	handlers, broken := s.mux, http.NewServeMux()
	for pattern := range s.routes {
		broken.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			about := *callOf(r.Context())
			principal := *about.principal
			principal.Tenant, about.principal = other, &principal
			if about.tenant != eventstore.SystemTenant {
				about.tenant = other
			}
			handlers.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, &about)))
		})
	}
	s.mux = broken
	return s.handler(), nil
}
