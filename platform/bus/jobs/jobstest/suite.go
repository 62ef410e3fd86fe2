// Package jobstest holds the tests that every carrier of jobs passes: Postgres
// and RabbitMQ.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { jobstest.Main(m, carrier) }
//
// so that its test binary can also be a worker process that is killed.
package jobstest

import (
	"os"
	"testing"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

// NewCarrier makes the carrier of one process. address says where the engine is;
// what it means is the engine's own.
type NewCarrier func(address string) (jobs.Carrier, error)

// Main is the TestMain of a package that tests a carrier.
func Main(m *testing.M, carrier NewCarrier, stops ...func() error) {
	if dsn := os.Getenv(processDSN); dsn != "" {
		runProcess(dsn, carrier)
		return
	}
	postgrestest.Main(m, stops...)
}

// Run runs the suite. address prepares the engine for one test.
func Run(t *testing.T, address func(t testing.TB) string, carrier NewCarrier) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, r *rig)
	}{
		{"each job runs once and with what was enqueued", runsOnce},
		{"a known key is dropped", knownKeys},
		{"not before its time", delayed},
		{"processes share the work", shared},
		{"failures are repeated after delays", retries},
		{"a dead job keeps its error", deaths},
		{"a handler is ended by its timeout", timeouts},
		{"a group runs in order, one at a time", groupsInOrder},
		{"a failing job delays its group", groupWaitsForRetry},
		{"a dead job holds its group until it is re-driven", groupBlocked},
		{"a discarded job lets its group go on", groupDiscarded},
		{"re-driven in the order of enqueueing", redriveOrder},
		{"an order counts for one death", redriveOnce},
		{"a tenant has no more than its share", perTenant},
		{"a long queue of one tenant delays no other", fairness},
		{"many groups of one tenant delay no other", groupFairness},
		{"what is running at the stop goes back", stops},
		{"what ends within the grace is done", stopsWithGrace},
		{"a claim is lost with its lease", lostClaim},
		{"a long handler keeps its lease", keptLease},
		{"processes are killed", killed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newRig(t, address(t), carrier))
		})
	}
}
