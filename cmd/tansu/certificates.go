package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/platform/certificate"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// openCertificates begins to get certificates by ACME, if that is configured, and
// to answer on the plain port. It comes after the read models.
func (n *node) openCertificates(ctx context.Context, master [32]byte) error {
	automatic := n.http.automatic
	if automatic == nil {
		return nil
	}
	key, err := derive(master, "tansu certificates", 32)
	if err != nil {
		return err
	}
	store, err := certificate.NewStore(n.pool, [32]byte(key), n.logger)
	if err != nil {
		return err
	}
	tenants := tenantdirectory.NewDirectory(n.pool)
	automatic.Open(store, func(ctx context.Context, slug string) (bool, error) {
		found, err := tenants.Get(ctx, slug)
		if errors.Is(err, tenantdirectory.ErrNotFound) {
			return false, nil
		}
		return found.Slug == slug && found.Status != string(tenant.StatusArchived), err
	})
	n.onStop("certificates", func(context.Context) error { automatic.Close(); return nil })
	return n.servePlain(ctx, automatic.Plain())
}

// plainTimeout bounds a request on the plain port, which is answered from memory
// or by one query.
const plainTimeout = 10 * time.Second

func (n *node) servePlain(ctx context.Context, handler http.Handler) error {
	addr := n.cfg.HTTP.Autocert.PlainAddr
	if addr == "" {
		return nil
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return fmt.Errorf("http.autocert.plain_addr: %w", err)
	}
	server := &http.Server{
		Handler: http.MaxBytesHandler(handler, 0), ReadTimeout: plainTimeout, WriteTimeout: plainTimeout, IdleTimeout: plainTimeout, MaxHeaderBytes: n.cfg.HTTP.MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(n.logger.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.http.failed <- fmt.Errorf("plain HTTP server: %w", err)
		}
	}()
	n.onStop("plain HTTP server", server.Shutdown)
	return nil
}
