package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// Feed measures live feeds over websockets of a whole node: how long an event
// takes from the start of its write to every subscriber, how many deliveries a
// node makes, and what sockets and stalled readers cost. Lines are the bare
// insert, and websockets that do nothing else.
func (b *Bench) Feed(ctx context.Context) ([]Result, error) {
	results, err := b.idleSockets(ctx) // before this process has a node of its own
	if err != nil {
		return nil, err
	}
	s, err := b.newFeedStage(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for _, run := range []func(context.Context) ([]Result, error){s.latencies, s.betweenNodes, s.rates, s.stalledReaders} {
		r, err := run(ctx)
		if err != nil {
			return results, err
		}
		results = append(results, r...)
	}
	return results, nil
}

// feedStage is a node with a tenant, and the raw line beside it.
type feedStage struct {
	*Bench
	node   Node
	raw    *rawLine
	http   *http.Client
	tenant uuid.UUID
	writes atomic.Int64
}

func (b *Bench) newFeedStage(ctx context.Context) (*feedStage, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	node, err := b.Serve(ctx, NodeOrder{DSN: b.DSN})
	if err != nil {
		raw.pool.Close()
		return nil, err
	}
	s := &feedStage{Bench: b, node: node, raw: raw, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	if s.tenant, err = s.newTenant(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// newTenant makes an empty log.
func (s *feedStage) newTenant(ctx context.Context) (uuid.UUID, error) {
	answer, err := createTenant(ctx, s.http, s.node, "The tenant whose log is followed")
	if err != nil {
		return uuid.Nil, err
	}
	var created struct{ ID uuid.UUID }
	err = json.Unmarshal(answer, &created)
	return created.ID, err
}

func (s *feedStage) close() {
	s.http.CloseIdleConnections()
	s.raw.pool.Close()
	_ = s.node.Stop()
}

// direct writes one event without the interface.
func (s *feedStage) direct(ctx context.Context) error {
	return s.append(ctx, s.node.Log, s.tenant, 1)
}

// append writes one event straight into a log. It carries the time at which
// that began.
func (s *feedStage) append(ctx context.Context, log eventstore.Appender, tenant uuid.UUID, filler int) error {
	n := s.writes.Add(1)
	a := benchAppend(tenant, fmt.Sprint(n/eventsPerStream), eventstore.AnyVersion)
	a.Idempotency = nil
	a.Writes[0].Events[0].Data = fmt.Appendf(nil, `{"begun":%q,"filler":"%0*d",%s`, stamp(time.Now()), filler, n, payload[1:])
	_, err := log.Append(ctx, a)
	return err
}

// create writes one event by way of the interface.
func (s *feedStage) create(ctx context.Context) error {
	_, err := createTenant(ctx, s.http, s.node, stamp(time.Now()))
	return err
}

// latencies compares the time from the start of a write to its receipt with the
// time that a bare insert takes at the same pace.
func (s *feedStage) latencies(ctx context.Context) ([]Result, error) {
	var results []Result
	for _, c := range []latencyCase{
		{"append in process", s.node, s.tenant.String(), 100, 100, s.direct},
		{"POST /v1/tenants", s.node, "system", 100, 100, s.create},
		{"append in process", s.node, s.tenant.String(), 1000, 4, s.direct},
	} {
		r, err := s.compare(ctx, c)
		if err != nil {
			return nil, err
		}
		results = append(results, r...)
	}
	return results, nil
}

// betweenNodes has the subscribers on another node than the writer, in a process
// of its own. It hears of commits by NOTIFY, and from RabbitMQ if there is one.
func (s *feedStage) betweenNodes(ctx context.Context) ([]Result, error) {
	writer, through := s.node, "NOTIFY"
	if s.AMQP != "" {
		through = "RabbitMQ"
		var err error
		if writer, err = s.Serve(ctx, NodeOrder{ID: "bench-writer", DSN: s.DSN, AMQP: s.AMQP, Token: s.node.Token}); err != nil {
			return nil, err
		}
		defer func() { _ = writer.Stop() }()
	}
	other, err := startAlone(ctx, aloneOrder{NodeOrder: NodeOrder{ID: "bench-reader", DSN: s.DSN, AMQP: s.AMQP, Token: s.node.Token}})
	if err != nil {
		return nil, err
	}
	defer other.stop()
	return s.compare(ctx, latencyCase{"append on another node, through " + through, other.node, s.tenant.String(), 100, 100,
		func(ctx context.Context) error { return s.append(ctx, writer.Log, s.tenant, 1) }})
}

// latencyCase is who reads, and what is written how often.
type latencyCase struct {
	name                   string
	readers                Node
	tenant                 string
	subscribers, perSecond int
	write                  func(context.Context) error
}

// compare runs a case in turns with bare inserts at its pace.
func (s *feedStage) compare(ctx context.Context, c latencyCase) ([]Result, error) {
	var p50, p99 pairs
	for round := range s.Rounds + 1 {
		ours, err := s.latency(ctx, c, int(s.Duration.Seconds()*float64(c.perSecond)))
		if err != nil {
			return nil, err
		}
		line, err := s.insertLatency(ctx, c.perSecond)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			p50.add(ours.p50.Seconds()*1000, line.p50.Seconds()*1000)
			p99.add(ours.p99.Seconds()*1000, line.p99.Seconds()*1000)
		}
	}
	name := fmt.Sprintf("%s, %d subscribers × %d writes/s", c.name, c.subscribers, c.perSecond)
	s.progress("feed: %s done", name)
	return []Result{p50.result("feed", name+", p50", "ms"), p99.result("feed", name+", p99", "ms")}, nil
}

// latency writes at a pace and returns what the subscribers saw.
func (s *feedStage) latency(ctx context.Context, c latencyCase, writes int) (load, error) {
	seen := make([][]time.Duration, c.subscribers)
	var received atomic.Int64
	w, err := watch(ctx, c.readers, c.tenant, c.subscribers, true, func(i int, frame []byte) {
		now := time.Now()
		for begun := range stamps(frame) {
			seen[i] = append(seen[i], now.Sub(begun))
			received.Add(1)
		}
	})
	if err != nil {
		return load{}, err
	}
	defer w.close()
	// A collection of what came before would count as latency of what comes now.
	debug.FreeOSMemory()
	if err := paced(ctx, c.perSecond, writes, c.write); err != nil {
		return load{}, err
	}
	if err := w.wait(ctx, &received, int64(writes)*int64(c.subscribers)); err != nil {
		return load{}, err
	}
	w.close() // from here on seen is ours
	all := slices.Concat(seen...)
	slices.Sort(all)
	return load{p50: percentile(all, 50), p99: percentile(all, 99)}, nil
}

func (s *feedStage) insertLatency(ctx context.Context, perSecond int) (load, error) {
	if err := s.raw.reset(ctx); err != nil {
		return load{}, err
	}
	var mu sync.Mutex
	var all []time.Duration
	var n atomic.Int64
	err := paced(ctx, perSecond, int(s.Duration.Seconds()*float64(perSecond)), func(ctx context.Context) error {
		begun := time.Now()
		err := s.raw.insert(ctx, s.tenant, "paced", n.Add(1))
		mu.Lock()
		defer mu.Unlock()
		all = append(all, time.Since(begun))
		return err
	})
	slices.Sort(all)
	return load{p50: percentile(all, 50), p99: percentile(all, 99)}, err
}

// maxUnderWay bounds the writes of paced that have not been answered.
const maxUnderWay = 64

// paced makes a number of writes at fixed times, whether or not those before
// have been answered.
func paced(ctx context.Context, perSecond, writes int, write func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	underWay := make(chan struct{}, maxUnderWay)
	var work sync.WaitGroup
	pulse := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pulse.Stop()
	for range writes {
		select {
		case <-pulse.C:
		case <-ctx.Done():
		}
		select {
		case underWay <- struct{}{}:
			work.Go(func() {
				if err := write(ctx); err != nil {
					cancel(err)
				}
				<-underWay
			})
		case <-ctx.Done():
		}
	}
	work.Wait()
	return context.Cause(ctx)
}

// stamp renders a time so that stamps finds it in any text.
func stamp(t time.Time) string { return fmt.Sprintf("@@%019d", t.UnixNano()) }

func parseStamp(digits []byte) (time.Time, bool) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(0, n), err == nil
}
