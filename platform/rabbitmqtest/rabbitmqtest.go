// Package rabbitmqtest gives tests a real RabbitMQ: one private broker per test
// binary, started by the first test that asks, and per test a virtual host of
// its own, so that all tests run in parallel. Private is a broker for one test,
// which may stop and kill it.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { rabbitmqtest.Main(m) }
//
// or, with a database as well, postgrestest.Main(m, rabbitmqtest.Stop).
//
// TANSU_TEST_AMQP_URL may name a server to use in place of the shared one. All
// tests then share its virtual host, which is why they name what they declare by
// a Prefix of their own.
package rabbitmqtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const (
	startTimeout = 3 * time.Minute // of a loaded machine
	stopTimeout  = time.Minute
)

// shared is the test binary's broker.
var shared struct {
	once   sync.Once
	broker *Broker
	err    error
}

// Main runs the tests and stops the shared broker afterwards.
func Main(m *testing.M) {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "rabbitmqtest:", err)
		code = 1
	}
	os.Exit(code)
}

// Stop ends the shared broker, if there is one.
func Stop() error {
	if shared.broker == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return shared.broker.close(ctx)
}

// URL names a virtual host that is this test's own, deleted at cleanup.
func URL(t testing.TB) string {
	t.Helper()
	if given := os.Getenv("TANSU_TEST_AMQP_URL"); given != "" {
		return given
	}
	shared.once.Do(func() { shared.broker, shared.err = open() })
	require.NoError(t, shared.err)
	name := Prefix()
	execute := func(expression string) {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		require.NoError(t, shared.broker.execute(ctx, expression))
	}
	execute(fmt.Sprintf(`rabbit_vhost:add(<<"%s">>, <<"guest">>)`, name))
	execute(fmt.Sprintf(`rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"%s">>, <<".*">>, <<".*">>, <<".*">>, <<"guest">>)`, name))
	t.Cleanup(func() { execute(fmt.Sprintf(`rabbit_vhost:delete(<<"%s">>, <<"guest">>)`, name)) })
	return shared.broker.URL() + name
}

// Prefix is a new one for the names of what a test declares.
func Prefix() string { return "test-" + uuid.NewString() }

// Private starts a broker of the test's own, which is stopped at cleanup. It
// needs the programs of RabbitMQ even if TANSU_TEST_AMQP_URL is set.
func Private(t testing.TB) *Broker {
	t.Helper()
	b, err := open()
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		require.NoError(t, b.close(ctx))
	})
	return b
}
