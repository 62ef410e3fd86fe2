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

const patience = 2 * time.Second

func carrier(address string) (jobs.Carrier, error) {
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
	pool *pgxpool.Pool
	mu   sync.Mutex
	ran  map[string]int
	news chan struct{}
}

const kind = "test.work"

func start(t *testing.T, url string, took time.Duration) (*process, *jobs.Workers) {
	p := &process{T: t, pool: postgrestest.New(t), ran: map[string]int{}, news: make(chan struct{}, 1)}
	c, err := carrier(url)
	require.NoError(t, err)
	w, err := jobs.New(jobs.Config{
		Pool: p.pool, NodeID: "test", Carrier: c, PollInterval: 50 * time.Millisecond,
		Kinds: map[string]jobs.Kind{kind: {Handle: func(_ context.Context, d jobs.Delivery) error {
			time.Sleep(took)
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

// await waits until n jobs have run, and each of them once.
func (p *process) await(n int) {
	p.Helper()
	deadline := time.After(time.Minute)
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

func queueName(number int64) string {
	if number == 0 {
		return "tansu.jobs." + kind
	}
	return fmt.Sprintf("tansu.jobs.%s.%d", kind, number)
}

func TestTheBrokerMayBeAwayAndForget(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Private(t)
	p, w := start(t, broker.URL(), 20*time.Millisecond)
	more := func(from, to int) {
		p.enqueue(from, to)
		w.Wake()
	}
	more(0, 20)
	p.await(5)
	// So soon after the queue was made, RabbitMQ 3.10 often keeps its name and
	// nothing else: it takes no messages any more.
	broker.Kill()
	more(20, 40) // the database takes them
	require.NoError(t, broker.Start(t.Context()))
	p.await(40)
	more(40, 60)
	p.await(45)
	require.NoError(t, broker.Stop(t.Context()))
	more(60, 80)
	require.NoError(t, broker.Start(t.Context()))
	p.await(80)
	more(80, 120)
	p.await(85)
	number, err := w.QueueNumber(t.Context(), kind)
	require.NoError(t, err)
	ch := channel(t, broker.URL())
	_, err = ch.QueuePurge(queueName(number), false)
	require.NoError(t, err)
	p.await(120)
}

func TestMessagesThatAreRepeatedOrForgedChangeNothing(t *testing.T) {
	t.Parallel()
	url := rabbitmqtest.URL(t)
	p, w := start(t, url, 5*time.Millisecond)
	ch := channel(t, url)
	publish := func(body string) {
		require.NoError(t, ch.PublishWithContext(t.Context(), "", queueName(0), false, false, amqp.Publishing{Body: []byte(body)}))
	}
	p.enqueue(0, 30)
	w.Wake()
	p.await(1)
	var names []string
	require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT array_agg(json_build_object('TenantID', tenant_id, 'ID', id)::text) FROM jobs`).Scan(&names))
	for range 3 {
		for _, name := range names {
			publish(name)
		}
		publish("not even JSON")
		publish(fmt.Sprintf(`{"TenantID":%q,"ID":%q}`, uuid.New(), uuid.New()))
	}
	p.await(30)
	p.enqueue(30, 40)
	w.Wake()
	p.await(40) // behind all that was published
	require.NoError(t, w.Stop(t.Context()))
	q, err := ch.QueueDeclarePassive(queueName(0), true, false, false, false, nil)
	require.NoError(t, err)
	require.Zero(t, q.Messages, "everything was answered")
}

func BenchmarkRabbitMQ(b *testing.B) { jobstest.Benchmark(b, rabbitmqtest.URL, carrier) }
