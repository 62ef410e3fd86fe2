package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// Node is a running server in this process.
type Node struct {
	URL, Token string
	Log        eventstore.Appender
	SignIn     func(context.Context) (link string, err error) // of the first user, once
	Stop       func() error
}

// Command measures the create-tenant endpoint, from the HTTP request with
// token, validation, decision, durable append and idempotency record to the
// answer after the read model has caught up, against the raw line.
func (b *Bench) Command(ctx context.Context) ([]Result, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer raw.pool.Close()
	node, err := b.Serve(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer node.Stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()

	var results []Result
	for _, connections := range []int{1, 64} {
		var rate, latency pairs
		for round := range b.Rounds + 1 {
			ours, err := drive(ctx, connections, b.Duration, func(ctx context.Context, _, _ int) error {
				_, err := createTenant(ctx, client, node, "A tenant of the benchmark")
				return err
			})
			if err != nil {
				return nil, err
			}
			line, err := b.rawRound(ctx, raw, 1, connections)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				rate.add(ours.perSecond, line.perSecond)
				latency.add(ours.p50.Seconds()*1000, line.p50.Seconds()*1000)
			}
		}
		name := fmt.Sprintf("POST /v1/tenants, %d connections", connections)
		results = append(results, rate.result("command", name, "requests/s"), latency.result("command", name+", p50", "ms"))
		b.progress("command: %s done", name)
	}
	return results, nil
}

func createTenant(ctx context.Context, client *http.Client, node Node, name string) (answer []byte, err error) {
	key := uuid.NewString()
	body := fmt.Sprintf(`{"slug":"t-%s","name":%q}`, key, name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, node.URL+"/v1/tenants", bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+node.Token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("create tenant: %s: %s", response.Status, answer)
	}
	return answer, nil
}
