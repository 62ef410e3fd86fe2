package jobs_test

import (
	"testing"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/jobs/jobstest"
)

func carrier(string) (jobs.Carrier, error) { return jobs.Postgres{}, nil }

func TestMain(m *testing.M) { jobstest.Main(m, carrier) }

func TestPostgresCarriesJobs(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, func(testing.TB) string { return "" }, carrier)
}

func BenchmarkPostgres(b *testing.B) {
	jobstest.Benchmark(b, func(testing.TB) string { return "" }, carrier)
}
