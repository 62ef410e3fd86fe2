package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/redistest"
)

// ask sends a request to a node and decodes the answer.
func (p *program) ask(method, path, body string, answer any) (*http.Response, error) {
	request, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+nodesToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %d %s %w", method, path, response.StatusCode, text, err)
	}
	if answer == nil {
		return response, nil
	}
	return response, json.Unmarshal(text, answer)
}

// metric adds up what a node tells under a name and with a label.
func (p *program) metric(name, label string) (sum float64) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.url+"/metrics", nil)
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+nodesToken)
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	for _, m := range regexp.MustCompile(`(?m)^`+name+`\{([^}]*)\} ([0-9.e+]+)`).FindAllStringSubmatch(string(text), -1) {
		if value, err := strconv.ParseFloat(m[2], 64); err == nil && strings.Contains(m[1], label) {
			sum += value
		}
	}
	return sum
}

// Of two nodes with one Redis one keeps the directory of tenants, and so knows its
// versions. Whoever reads, at whichever node, sees at least what a writer was told
// before, and never less than before. When that node is killed the other one goes
// on with what lies in Redis; and without Redis all goes on.
func TestTwoNodesCacheWithoutGoingBack(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	dsn := postgrestest.NewDSN(t)
	nodes := make([]*program, 2)
	for i := range nodes {
		env := append(serveEnv(t, dsn), "TANSU_REDIS_URL="+server.URL(), "TANSU_HTTP_DRAIN_DELAY=0s", "TANSU_NODE_ID="+fmt.Sprint("node-", i),
			"TANSU_HTTP_ADDR="+freeAddr(t), "TANSU_DATA_DIR="+t.TempDir(), "TANSU_POSTGRES_MAX_CONNS=15")
		nodes[i] = startProgram(t, env, "serve").ready()
	}
	type tenant struct {
		ID      string
		Version int64
	}
	var acme tenant
	_, err := nodes[0].ask("POST", "/v1/tenants", `{"slug":"acme","name":"Acme"}`, &acme)
	require.NoError(t, err)

	var told atomic.Int64
	told.Store(1)
	done := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for seen := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				least := max(seen, told.Load())
				var one tenant
				if _, err := nodes[rand.N(2)].ask("GET", "/v1/tenants/acme", "", &one); err != nil {
					t.Error(err)
					return
				}
				if seen = one.Version; seen < least {
					t.Errorf("version %d after %d", seen, least)
					return
				}
			}
		})
	}
	hits := func() float64 {
		return nodes[0].metric("tansu_cache_hits_total", "") + nodes[1].metric("tansu_cache_hits_total", "")
	}
	for i := range 12 {
		response, err := nodes[rand.N(2)].ask("PUT", "/v1/tenants/acme/name", fmt.Sprintf(`{"name":"Acme %d"}`, i), nil)
		require.NoError(t, err)
		version, err := strconv.ParseInt(strings.Trim(response.Header.Get("ETag"), `"`), 10, 64)
		require.NoError(t, err)
		told.Store(version)
		if i%3 == 0 {
			before := hits()
			require.Eventually(t, func() bool { return hits() > before || t.Failed() }, time.Minute, 10*time.Millisecond, "nothing comes from the cache")
		}
	}
	close(done)
	work.Wait()
	require.False(t, t.Failed())

	// Now nothing changes. Who answers from the cache is who is killed.
	read := func(p *program) (t tenant, err error) {
		_, err = p.ask("GET", "/v1/tenants/acme", "", &t)
		return t, err
	}
	want, err := read(nodes[0])
	require.NoError(t, err)
	keeper := -1
	require.Eventually(t, func() bool {
		for i, p := range nodes {
			before := p.metric("tansu_cache_hits_total", "")
			for range 2 {
				_, err := read(p)
				require.NoError(t, err)
			}
			if p.metric("tansu_cache_hits_total", "") > before {
				keeper = i
			}
		}
		return keeper >= 0
	}, time.Minute, 10*time.Millisecond)
	survivor := nodes[1-keeper]
	const pages = 200
	page := func(i int) string { return fmt.Sprint("/v1/tenants?limit=", i+1) }
	for i := range pages {
		_, err := nodes[keeper].ask("GET", page(i), "", nil)
		require.NoError(t, err)
	}
	require.Zero(t, survivor.metric("tansu_cache_hits_total", `tansu_cache_level="shared"`))
	nodes[keeper].signal(syscall.SIGKILL)
	nodes[keeper].wait()
	next := 0 // a busy machine may make Redis too slow for some of them
	require.Eventually(t, func() bool {
		misses := survivor.metric("tansu_cache_misses_total", "")
		var list struct{ Items []tenant }
		_, err := survivor.ask("GET", page(next%pages), "", &list)
		require.NoError(t, err)
		require.Equal(t, []tenant{want}, list.Items)
		if survivor.metric("tansu_cache_misses_total", "") > misses { // else it does not know the version yet
			next++
		}
		return survivor.metric("tansu_cache_hits_total", `tansu_cache_level="shared"`) > 0
	}, time.Minute, 50*time.Millisecond, "it must find in Redis what the other one left there")

	require.NoError(t, server.Stop())
	require.Eventually(t, func() bool {
		var health struct {
			Components map[string]struct {
				Ready  bool
				Detail string
			}
		}
		_, err := survivor.ask("GET", "/readyz", "", &health)
		require.NoError(t, err)
		return health.Components["redis"].Ready && strings.Contains(health.Components["redis"].Detail, "cached answers")
	}, time.Minute, 20*time.Millisecond)
	_, err = survivor.ask("PUT", "/v1/tenants/acme/name", `{"name":"Last"}`, nil)
	require.NoError(t, err)
	before := survivor.metric("tansu_cache_hits_total", `tansu_cache_level="local"`)
	require.Eventually(t, func() bool {
		got, err := read(survivor)
		require.NoError(t, err)
		require.Equal(t, want.Version+1, got.Version)
		return survivor.metric("tansu_cache_hits_total", `tansu_cache_level="local"`) > before
	}, time.Minute, 20*time.Millisecond)
}
