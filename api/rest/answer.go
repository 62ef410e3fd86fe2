package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"tansu.cloud/api/middleware"
)

// answer answers a read: from the cache if that can be, and in any case with a
// validator, or with 304 if the client has the answer already.
func (s *server) answer(w http.ResponseWriter, r *http.Request, c *call) {
	asked, err := parseEntityTags("If-None-Match", r.Header.Get("If-None-Match"))
	if err != nil {
		middleware.Refuse(w, r, refuse(r.Context(), err))
		return
	}
	if key, ok := s.cacheKey(r, c); ok {
		s.answerKept(w, r, c, key)
		return
	}
	s.mux.ServeHTTP(&validated{ResponseWriter: w, asked: asked}, r)
}

// weakTag is the entity tag of an answer that has no version of its own.
func weakTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// validated gives an answer that has no entity tag a weak one, made of its bytes:
// they come in one piece, because JSON is encoded whole. Instead of what the client
// has already it sends 304.
type validated struct {
	http.ResponseWriter
	asked     entityTags
	begun     bool
	unchanged bool
}

func (w *validated) WriteHeader(status int) {
	if status != http.StatusOK { // else its tag is known with the body
		w.begun = true
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *validated) Write(body []byte) (int, error) {
	if !w.begun {
		w.begun = true
		if w.Header().Get("ETag") == "" {
			w.Header().Set("ETag", weakTag(body))
			if w.unchanged = w.asked.holds(w.Header().Get("ETag")); w.unchanged {
				w.ResponseWriter.WriteHeader(http.StatusNotModified)
			}
		}
	}
	if w.unchanged {
		return len(body), nil
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *validated) Unwrap() http.ResponseWriter { return w.ResponseWriter }
