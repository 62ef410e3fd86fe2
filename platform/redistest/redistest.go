// Package redistest gives tests a real Redis: one private server per test
// binary, started by the first test that asks, and per test a database of its
// own, so that all tests run in parallel. Private is a server for one test,
// which may stop, kill and freeze it.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { redistest.Main(m) }
//
// or, with a database as well, postgrestest.Main(m, redistest.Stop).
//
// What is published reaches all databases of a server, so topics have to be
// named apart: by a tenant or a prefix of the test's own. TANSU_TEST_REDIS_URL
// may name a server to use in place of the shared one; then this holds of keys
// as well.
package redistest

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

const startTimeout = time.Minute // of a loaded machine

// shared is the test binary's server.
var shared struct {
	once   sync.Once
	server *Server
	err    error
	last   atomic.Int64 // database that was given away
}

// Main runs the tests and stops the shared server afterwards.
func Main(m *testing.M) {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "redistest:", err)
		code = 1
	}
	os.Exit(code)
}

// Stop ends the shared server, if there is one.
func Stop() error {
	if shared.server == nil {
		return nil
	}
	return shared.server.close()
}

// URL names a database that is this test's own.
func URL(t testing.TB) string {
	t.Helper()
	if given := os.Getenv("TANSU_TEST_REDIS_URL"); given != "" {
		return given
	}
	shared.once.Do(func() { shared.server, shared.err = open() })
	require.NoError(t, shared.err)
	number := int(shared.last.Add(1))
	require.Less(t, number, databases, "so many tests need another server")
	return shared.server.database(number)
}

// Client looks at a database, or changes it, past what is tested.
func Client(t testing.TB, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	require.NoError(t, err)
	client, err := rueidis.NewClient(option)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Private starts a server of the test's own, which is stopped at cleanup. It
// needs redis-server even if TANSU_TEST_REDIS_URL is set.
func Private(t testing.TB) *Server {
	t.Helper()
	s, err := open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	return s
}
