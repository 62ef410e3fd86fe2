package oidc_test

import (
	"log/slog"
	"testing"

	"tansu.cloud/platform/postgrestest"
)

// The library logs each refusal to the default logger.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	postgrestest.Main(m)
}
