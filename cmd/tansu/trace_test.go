package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"tansu.cloud/platform/postgrestest"
)

// One trace leads from the client's request through command, append and relay
// to the projection that the answer waited for.
func TestOneTraceFromRequestToProjection(t *testing.T) {
	t.Parallel()
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spans := &receivedSpans{}
	otlp := httptest.NewServer(spans)
	t.Cleanup(otlp.Close)
	p := startProgram(t, append(serveEnv(t, postgrestest.NewDSN(t)),
		"TANSU_OTLP_ENDPOINT="+otlp.URL, "TANSU_HTTP_DRAIN_DELAY=0s", "OTEL_BSP_SCHEDULE_DELAY=50"), "serve").ready()

	request, err := http.NewRequest(http.MethodPost, p.url+"/v1/tenants", bytes.NewBufferString(`{"slug":"acme","name":"Acme"}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer brought-along-token")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusCreated, response.StatusCode)

	want := []string{"POST /v1/tenants", "command CreateTenant", "append", "relay events", "project tenant_directory"}
	require.Eventually(t, func() bool { return spans.of(traceID).has(want) }, time.Minute, 20*time.Millisecond,
		"spans %q", want)
}

type receivedSpans struct {
	mu      sync.Mutex
	byTrace map[string]spanNames
}

type spanNames []string

func (n spanNames) has(want []string) bool {
	all := "\n" + strings.Join(n, "\n") + "\n"
	for _, w := range want {
		if !strings.Contains(all, "\n"+w+"\n") {
			return false
		}
	}
	return true
}

func (s *receivedSpans) of(trace string) spanNames {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byTrace[trace]
}

func (s *receivedSpans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &export) != nil {
		http.Error(w, "not an export of spans", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byTrace == nil {
		s.byTrace = map[string]spanNames{}
	}
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				id := hex.EncodeToString(span.TraceId)
				s.byTrace[id] = append(s.byTrace[id], span.Name)
			}
		}
	}
}
