package rabbitmq_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/jobs/jobstest"
	"tansu.cloud/platform/bus/jobs/rabbitmq"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/rabbitmqtest"
)

// Of the patience a quarter is for a queue that does not answer. A busy broker takes
// seconds; whoever makes a queue anew in that time never gets to the end.
const (
	patience = 24 * time.Second
	hurry    = 10 * time.Second // where queues and messages do get lost
)

func carrier(address string) (jobs.Carrier, error) { return carrierWith(address, patience) }

func carrierWith(address string, patience time.Duration) (jobs.Carrier, error) {
	return rabbitmq.New(rabbitmq.Config{URL: address, Name: "test", Patience: patience})
}

func TestMain(m *testing.M) { jobstest.Main(m, carrier, rabbitmqtest.Stop) }

func TestRabbitMQCarriesJobs(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, rabbitmqtest.URL, carrier)
}

// process is one worker process whose jobs are counted.
type process struct {
	*testing.T
	pool   *pgxpool.Pool
	permit chan struct{} // one for each job that may end
	mu     sync.Mutex
	ran    map[string]int
	news   chan struct{}
}

const (
	kind  = "test.work"
	queue = "tansu.jobs." + kind
)

func start(t *testing.T, url string) (*process, *jobs.Workers) {
	p := &process{T: t, pool: postgrestest.New(t), permit: make(chan struct{}, 1000), ran: map[string]int{}, news: make(chan struct{}, 1)}
	c, err := carrierWith(url, hurry)
	require.NoError(t, err)
	w, err := jobs.New(jobs.Config{
		Pool: p.pool, NodeID: "test", Carrier: c, PollInterval: 50 * time.Millisecond,
		Kinds: map[string]jobs.Kind{kind: {Handle: func(ctx context.Context, d jobs.Delivery) error {
			select {
			case <-p.permit:
			case <-ctx.Done():
				return ctx.Err()
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.ran[d.Key]++
			select {
			case p.news <- struct{}{}:
			default:
			}
			return nil
		}}},
	})
	require.NoError(t, err)
	require.NoError(t, w.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return p, w
}

func (p *process) enqueue(from, to int) {
	p.Helper()
	var all []jobs.Job
	for i := from; i < to; i++ {
		all = append(all, jobs.Job{TenantID: uuid.New(), Kind: kind, Key: fmt.Sprint(i), Group: []string{"", "g"}[i%2]})
	}
	n, err := jobs.Enqueue(p.Context(), p.pool, all...)
	require.NoError(p, err)
	require.Equal(p, to-from, n)
}

// let jobs end until n have run, and each of them once.
func (p *process) let(n int) {
	p.Helper()
	p.mu.Lock()
	for range n - len(p.ran) {
		p.permit <- struct{}{}
	}
	p.mu.Unlock()
	deadline := time.After(2 * time.Minute)
	for {
		p.mu.Lock()
		ran := len(p.ran)
		p.mu.Unlock()
		if ran >= n {
			break
		}
		select {
		case <-p.news:
		case <-deadline:
			require.Fail(p, "too few jobs", "%d of %d", ran, n)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, times := range p.ran {
		require.Equal(p, 1, times, "job %s", key)
	}
}

func channel(t *testing.T, url string) *amqp.Channel {
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	ch, err := conn.Channel()
	require.NoError(t, err)
	return ch
}

func TestTheBrokerMayBeAwayAndForget(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Private(t)
	p, w := start(t, broker.URL())
	more := func(from, to int) {
		p.enqueue(from, to)
		w.Wake()
	}
	more(0, 20)
	p.let(5)
	// So soon after the queue was made, RabbitMQ 3.10 often keeps its name and
	// nothing else: it takes no messages any more.
	broker.Kill()
	more(20, 40) // the database takes them
	require.NoError(t, broker.Start(t.Context()))
	p.let(40)
	more(40, 60)
	p.let(45)
	require.NoError(t, broker.Stop(t.Context()))
	more(60, 80)
	require.NoError(t, broker.Start(t.Context()))
	p.let(80)
	more(80, 120)
	p.let(85)
	_, err := channel(t, broker.URL()).QueuePurge(queue, false)
	require.NoError(t, err)
	p.let(120)
}

func TestMessagesThatAreRepeatedOrForgedChangeNothing(t *testing.T) {
	t.Parallel()
	url := rabbitmqtest.URL(t)
	p, w := start(t, url)
	ch := channel(t, url)
	publish := func(body string) {
		require.NoError(t, ch.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte(body)}))
	}
	p.enqueue(0, 30)
	w.Wake()
	p.let(1)
	var names []string
	require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT array_agg(json_build_object('TenantID', tenant_id, 'ID', id)::text) FROM jobs`).Scan(&names))
	for range 3 {
		for _, name := range names {
			publish(name)
		}
		publish("not even JSON")
		publish(fmt.Sprintf(`{"TenantID":%q,"ID":%q}`, uuid.New(), uuid.New()))
	}
	p.let(30)
	p.enqueue(30, 40)
	w.Wake()
	p.let(40) // behind all that was published
	require.NoError(t, w.Stop(t.Context()))
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	require.NoError(t, err)
	require.Zero(t, q.Messages, "everything was answered")
}

func BenchmarkRabbitMQ(b *testing.B) { jobstest.Benchmark(b, rabbitmqtest.URL, carrier) }
