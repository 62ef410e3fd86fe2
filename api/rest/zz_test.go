package rest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	r := newNode(t)
	for _, n := range []int{1, 32} {
		for _, pref := range []string{"Prefer: respond-async", "X: y"} {
			const total = 300
			start := time.Now()
			var wg sync.WaitGroup
			for c := range n {
				wg.Go(func() {
					for i := c; i < total; i += n {
						req := request("POST", "/v1/tenants", fmt.Sprintf(`{"slug":"s-%d-%d-%d","name":"T"}`, n, len(pref), i), pref)
						rec := &discard{}
						r.handler.ServeHTTP(rec, req)
					}
				})
			}
			wg.Wait()
			fmt.Println(n, pref, time.Since(start)/total)
			start = time.Now()
			for range 300 {
				rec := &discard{}
				r.handler.ServeHTTP(rec, request("GET", "/v1/tenants/s-1-21-1", ""))
			}
			fmt.Println("get", time.Since(start)/300)
		}
	}
}

type discard struct{ h map[string][]string }

func (d *discard) Header() http.Header  { if d.h == nil { d.h = map[string][]string{} }; return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int) {}
