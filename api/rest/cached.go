package rest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"tansu.cloud/api/middleware"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/cache"
)

// source is a read model that the answers of a route are made of: its rows of the
// tenant that the request is about, or of the system tenant.
type source struct {
	readModel string
	system    bool
}

// KeepFor is how long an answer is kept. What changes its sources ends it long
// before; this is for what nobody thought of, and for personal data.
const KeepFor = time.Minute

// cacheKey names the answer to a read, if it may be kept: by the tenant, the route,
// what it asks, and the versions of the rows that it is made of. These are read
// before the rows, so an answer may be newer than its name says and never older. As
// rows have no version unless it is certain, whoever asks by a version that was
// told since sees at least what it stands for.
func (s *server) cacheKey(r *http.Request, c *call) (string, bool) {
	sources := s.cached[c.pattern]
	if s.Cache == nil || len(sources) == 0 {
		return "", false
	}
	if _, err := s.parsePrefer(r.Header.Get("Prefer")); err != nil {
		return "", false // the route refuses it
	}
	var least int64
	if position := r.Header.Get("Tansu-Min-Position"); position != "" {
		var err error
		if least, err = strconv.ParseInt(position, 10, 64); err != nil || least < 0 {
			return "", false // as well
		}
	}
	name := sha256.New()
	for i, from := range sources {
		tenant := c.tenant
		if from.system {
			tenant = eventstore.SystemTenant
		}
		version, reached, known := s.Projections.Shown(from.readModel, tenant)
		if !known || i == 0 && reached < least { // the route waits for the first one
			return "", false
		}
		fmt.Fprintf(name, "%s\n%s\n", from.readModel, version)
	}
	fmt.Fprintf(name, "%s\n%s\n%s", c.pattern, c.path, c.query)
	c.least = least
	return c.tenant.String() + ":" + base64.RawURLEncoding.EncodeToString(name.Sum(nil)), true
}

// answerKept answers from the cache, or answers and keeps that. Of those who miss
// the same answer at the same time one makes it for all.
func (s *server) answerKept(w http.ResponseWriter, r *http.Request, c *call, key string) {
	if kept, found := s.Cache.Get(r.Context(), key); found {
		if a, err := decodeAnswer(kept); err == nil {
			a.send(w, r, c)
			return
		}
	}
	var own *recorded
	shared, _, _ := s.flights.Do(key, func() (any, error) {
		if own = s.record(r); !own.keepable() || c.passing {
			return nil, nil
		}
		s.Cache.Set(r.Context(), key, own.encode(), KeepFor)
		return own, nil
	})
	if own == nil {
		own, _ = shared.(*recorded)
	}
	if own == nil { // what somebody else got is not good for all
		own = s.record(r)
	}
	own.send(w, r, c)
}

// passing says that an answer holds something that ends by itself, without an
// event, so that it is not kept.
func passing(ctx context.Context, ends bool) {
	if ends {
		callOf(ctx).passing = true
	}
}

// recorded is the whole answer of a route.
type recorded struct {
	header http.Header
	status int
	body   []byte
}

// record has a route answer without regard to what the client has.
func (s *server) record(r *http.Request) *recorded {
	whole := r.Clone(r.Context())
	whole.Header.Del("If-Match")
	whole.Header.Del("If-None-Match")
	a := &recorded{header: http.Header{}}
	s.mux.ServeHTTP(a, whole)
	return a
}

// Header implements http.ResponseWriter.
func (a *recorded) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *recorded) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *recorded) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}

// keepable reports whether an answer is good for everyone: a success in JSON with
// no headers but those known to be.
func (a *recorded) keepable() bool {
	for name := range a.header {
		switch name {
		case "Content-Type", "Etag", "Link", "Tansu-Position":
		default:
			return false
		}
	}
	return a.status == http.StatusOK && a.header.Get("Content-Type") == "application/json" && len(a.body) < cache.MaxValue
}

// encode puts an answer in the form of HTTP: header, empty line, body.
func (a *recorded) encode() []byte {
	var b bytes.Buffer
	_ = a.header.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	b.Write(a.body)
	return b.Bytes()
}

func decodeAnswer(kept []byte) (*recorded, error) {
	head, body, _ := bytes.Cut(kept, []byte("\r\n\r\n"))
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(string(head) + "\r\n\r\n"))).ReadMIMEHeader()
	return &recorded{header: http.Header(header), status: http.StatusOK, body: body}, err
}

// send answers a request with what was made for it, or for another like it.
func (a *recorded) send(w http.ResponseWriter, r *http.Request, c *call) {
	tag, unchanged := a.header.Get("ETag"), false
	if a.status == http.StatusOK {
		ifMatch := r.Header.Get("If-Match")
		if tag == "" {
			tag, ifMatch = weakTag(a.body), "" // lists take none
		}
		var err error
		if unchanged, err = notModified(ifMatch, r.Header.Get("If-None-Match"), tag); err != nil {
			middleware.Refuse(w, r, refuse(r.Context(), err))
			return
		}
	}
	maps.Copy(w.Header(), a.header)
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	if a.header.Get("Tansu-Position") != "" {
		w.Header().Set("Tansu-Position", strconv.FormatInt(c.least, 10)) // as lists say it
	}
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away cannot be told so
}
