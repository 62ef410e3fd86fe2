package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// NodeOrder says what a node is to be like.
type NodeOrder struct {
	ID    string // among the nodes on the database; empty: it is the only one
	DSN   string
	AMQP  string // the bus; empty: none between processes
	Token string // of the operator; empty: a new one
}

// Node is a running server in this process.
type Node struct {
	URL, Token string
	Log        eventstore.Appender
	SignIn     func(context.Context) (link string, err error) // of the first user, once
	Stop       func() error
}

// Command measures commands over HTTP, from the request with token, validation,
// decision, durable append and idempotency record to the answer after the read
// model has caught up, against the raw line: a change of a tenant, which is a
// command and nothing else, and the creation of one, after which the workers
// provision it while the next request is served.
func (b *Bench) Command(ctx context.Context) ([]Result, error) {
	raw, err := newRawLine(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer raw.pool.Close()
	node, err := b.Serve(ctx, NodeOrder{DSN: b.DSN})
	if err != nil {
		return nil, err
	}
	defer node.Stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()

	var tenants [64]string // one per connection, so that no change waits for another's version
	for i := range tenants {
		answer, err := createTenant(ctx, client, node, "A tenant of the benchmark")
		if err != nil {
			return nil, err
		}
		var created struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(answer, &created); err != nil {
			return nil, err
		}
		tenants[i] = created.ID
	}
	var results []Result
	for _, command := range []struct {
		name string
		send operation
	}{
		{"PUT /v1/tenants/{id}/name", func(ctx context.Context, caller, n int) error {
			return renameTenant(ctx, client, node, tenants[caller], fmt.Sprintf("A tenant of the benchmark, change %d", n))
		}},
		{"POST /v1/tenants", func(ctx context.Context, _, _ int) error {
			_, err := createTenant(ctx, client, node, "A tenant of the benchmark")
			return err
		}},
	} {
		for _, connections := range []int{1, len(tenants)} {
			name := fmt.Sprintf("%s, %d connections", command.name, connections)
			rate, p50, err := b.race(ctx, "command", name, "requests/s",
				func(ctx context.Context) (load, error) { return drive(ctx, connections, b.Duration, command.send) },
				func(ctx context.Context) (load, error) { return b.rawRound(ctx, raw, 1, connections) })
			if err != nil {
				return nil, err
			}
			results = append(results, rate, p50)
			b.progress("command: %s done", name)
		}
	}
	return results, nil
}

func createTenant(ctx context.Context, client *http.Client, node Node, name string) (answer []byte, err error) {
	key := uuid.NewString()
	return sendCommand(ctx, client, node, http.MethodPost, "/v1/tenants", key, fmt.Sprintf(`{"slug":"t-%s","name":%q}`, key, name))
}

func renameTenant(ctx context.Context, client *http.Client, node Node, id, name string) error {
	_, err := sendCommand(ctx, client, node, http.MethodPut, "/v1/tenants/"+id+"/name", uuid.NewString(), fmt.Sprintf(`{"name":%q}`, name))
	return err
}

func sendCommand(ctx context.Context, client *http.Client, node Node, method, path, key, body string) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, node.URL+path, strings.NewReader(body))
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
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, nil
}
