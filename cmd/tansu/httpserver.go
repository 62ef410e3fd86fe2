package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"tansu.cloud/platform/certificate"
	"tansu.cloud/platform/config"
)

// phase of a node's life.
type phase int32

const (
	starting phase = iota
	serving
	draining
)

// httpServer listens from the first moment on, so that probes get an answer
// while the node starts; the interface is put in when it is there.
type httpServer struct {
	server  *http.Server
	timeout time.Duration // for running requests to end
	phase   atomic.Int32
	handler atomic.Pointer[http.Handler]
	failed  chan error

	automatic *certificate.Automatic // nil: certificates come from files, or there are none
}

// newHTTPServer returns a server that does not listen yet. domain is the one whose
// sub-domains select tenants.
func newHTTPServer(cfg config.HTTP, domain string, logger *slog.Logger) *httpServer {
	s := &httpServer{timeout: cfg.ShutdownTimeout, failed: make(chan error, 1)}
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    2 * cfg.MaxHeaderBytes, // what is somewhat too large gets a problem, not a broken stream
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	if cfg.TLSCert != "" {
		s.server.TLSConfig = certificate.Server(cfg.TLSCert, cfg.TLSKey, logger)
	}
	if domains := cfg.Autocert.DomainList(); len(domains) > 0 {
		s.automatic = certificate.NewAutomatic(certificate.Order{
			Domains: domains, Email: cfg.Autocert.Email, Directory: cfg.Autocert.DirectoryURL, Parent: domain,
		})
		s.server.TLSConfig = s.automatic.Server()
	}
	s.handle(probes(s.current))
	return s
}

func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

func (s *httpServer) handle(h http.Handler) { s.handler.Store(&h) }

// serveAPI puts a handler in the place of the probes, if making it went well.
func (s *httpServer) serveAPI(h http.Handler, err error) error {
	if err == nil {
		s.handle(h)
	}
	return err
}

func (s *httpServer) current() phase { return phase(s.phase.Load()) }

func (s *httpServer) enter(p phase) { s.phase.Store(int32(p)) }

// serve answers on listener until stop. If it fails by itself, failed says so.
func (s *httpServer) serve(listener net.Listener) {
	go func() {
		serve := s.server.Serve
		if s.server.TLSConfig != nil {
			serve = func(l net.Listener) error { return s.server.ServeTLS(l, "", "") } // with HTTP/2
		}
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("HTTP server: %w", err)
		}
	}()
}

// stop lets running requests end, and cuts them off after the time-out or when
// ctx ends.
func (s *httpServer) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.Join(errors.New("HTTP server: requests were cut off"), s.server.Close())
	}
	return err
}

// probes is all that a node answers before its interface is up.
func probes(current func() phase) http.Handler {
	answer := func(ok func() bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			if ok() {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
				return
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"type":"https://tansu.cloud/problems/unavailable","title":"Unavailable","status":503,` +
				`"detail":"The node is starting or draining.","code":"unavailable"}` + "\n"))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /livez", answer(func() bool { return true }))
	mux.Handle("GET /readyz", answer(func() bool { return current() == serving }))
	mux.Handle("GET /startupz", answer(func() bool { return current() != starting }))
	mux.Handle("/", answer(func() bool { return false }))
	return mux
}
