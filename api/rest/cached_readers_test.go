package rest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/projections"
)

// TestReadersNeverGoBack: while tenants change, each reader sees at least what a
// writer had been told before the read began, and never less than before. Rows
// stand still now and then, so that answers are kept in between.
func TestReadersNeverGoBack(t *testing.T) {
	t.Parallel()
	const tenants, readers, wantHits, wantWrites = 4, 6, 500, 50
	r := newNode(t, func(c *projections.Config) { c.PollInterval = time.Millisecond })
	var ids [tenants]string
	var told [tenants]atomic.Int64
	for i := range tenants {
		ids[i] = r.tenant(fmt.Sprintf("t-%d", i))
		told[i].Store(1)
	}
	done := make(chan struct{})
	finished := func() bool {
		select {
		case <-done:
			return true
		default:
			return t.Failed()
		}
	}
	get := func(target, position string) (int, []byte) {
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, request("GET", target, "", "Tansu-Min-Position: "+position))
		return rec.Code, rec.Body.Bytes()
	}
	var work sync.WaitGroup
	var writes atomic.Int64
	for i := range tenants {
		work.Go(func() {
			for n := 0; !finished(); n++ {
				rec := httptest.NewRecorder()
				r.handler.ServeHTTP(rec, request("PUT", "/v1/tenants/"+ids[i]+"/name", fmt.Sprintf(`{"name":"Name %d"}`, n)))
				version, err := strconv.ParseInt(strings.Trim(rec.Header().Get("ETag"), `"`), 10, 64)
				if rec.Code != 200 || err != nil {
					t.Errorf("%d %s", rec.Code, rec.Body)
					return
				}
				told[i].Store(version)
				writes.Add(1)
				hits := r.hits()
				for until := hits + rand.Int64N(30); r.hits() < until && !finished(); { // rows stand still
					get("/v1/permissions", "0")
				}
			}
		})
	}
	for range readers {
		work.Go(func() {
			var seen [tenants]int64
			for !finished() {
				i := rand.N(tenants)
				target := []string{"/v1/tenants/" + ids[i], fmt.Sprintf("/v1/tenants/t-%d", i), "/v1/tenants?slug=t-" + fmt.Sprint(i), "/v1/tenants?sort=slug"}[rand.N(4)]
				least := max(told[i].Load(), seen[i])
				code, body := get(target, "0")
				var one struct {
					ID      string
					Version int64
					Items   []struct {
						ID      string
						Version int64
					}
				}
				if err := json.Unmarshal(body, &one); code != 200 || err != nil {
					t.Errorf("%s: %d %s", target, code, body)
					return
				}
				version := one.Version
				for _, item := range one.Items {
					if item.ID == ids[i] {
						version = item.Version
					}
				}
				if version < least {
					t.Errorf("%s shows version %d after %d", target, version, least)
					return
				}
				seen[i] = version
			}
		})
	}
	require.Eventually(t, func() bool { return r.hits() >= wantHits && writes.Load() >= wantWrites || t.Failed() }, 5*time.Minute, 5*time.Millisecond)
	close(done)
	work.Wait()
	t.Logf("%d writes, %d answers from the cache", writes.Load(), r.hits())
}
