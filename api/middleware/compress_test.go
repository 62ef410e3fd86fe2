package middleware_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
)

// text is an answer worth compressing.
var text = `{"items":["` + strings.Repeat("all the same ", 1000) + `"]}`

// representation answers text as a route does that heeds preconditions.
func representation(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"3"`)
	if match := r.Header.Get("If-Match"); match != "" && !strings.Contains(match, `"3"`) {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	if strings.Contains(r.Header.Get("If-None-Match"), `"3"`) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, text)
}

func TestCompression(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, representation)
	for _, c := range []struct{ accept, encoding, tag string }{
		{"", "", `"3"`},
		{"identity", "", `"3"`},
		{"br", "", `"3"`},
		{"gzip;q=0", "", `"3"`},
		{"gzip", "gzip", `"3-gzip"`},
		{"gzip, deflate, br, zstd", "zstd", `"3-zstd"`},
		{"zstd;q=0.1, gzip", "gzip", `"3-gzip"`},
	} {
		rec := serve(h, get("/", "Accept-Encoding", c.accept))
		require.Equal(t, c.encoding, rec.Header().Get("Content-Encoding"), c)
		require.Equal(t, c.tag, rec.Header().Get("ETag"), c)
		require.Equal(t, []string{"Authorization, Accept-Encoding, X-Tenant-Id", "Origin"}, rec.Header()["Vary"])
		require.Equal(t, text, plain(t, rec), c)
		if c.encoding != "" {
			require.Less(t, rec.Body.Len(), len(text)/10)
		}
	}
}

func TestPreconditionsTakeTheTagOfEitherForm(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, representation)
	for _, c := range []struct {
		name, value string
		status      int
		tag         string
	}{
		{"If-None-Match", `"3"`, 304, `"3"`},
		{"If-None-Match", `"3-gzip"`, 304, `"3-gzip"`},
		{"If-None-Match", `W/"3-zstd"`, 304, `"3-zstd"`},
		{"If-None-Match", `"2", "3-gzip"`, 304, `"3-gzip"`},
		{"If-None-Match", `"3", "3-gzip"`, 304, `"3"`},
		{"If-None-Match", `"2-gzip"`, 200, `"3-gzip"`},
		{"If-Match", `"3-gzip"`, 200, `"3-gzip"`},
		{"If-Match", `"3"`, 200, `"3-gzip"`},
		{"If-Match", `"2-gzip"`, 412, `"3"`},
	} {
		rec := serve(h, get("/", c.name, c.value, "Accept-Encoding", "gzip"))
		require.Equal(t, c.status, rec.Code, c)
		require.Equal(t, c.tag, rec.Header().Get("ETag"), c)
		if c.status != 200 {
			require.Empty(t, rec.Header().Get("Content-Encoding"))
			require.Zero(t, rec.Body.Len())
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	t.Parallel()
	answer := func(contentType, content string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			_, _ = io.WriteString(w, content)
		}
	}
	for name, c := range map[string]struct {
		route   middleware.Route
		handler http.HandlerFunc
		request *http.Request
	}{
		"small":             {handler: answer("application/json", text[:1000])},
		"archive":           {handler: answer("application/zip", text)},
		"event stream":      {handler: answer("text/event-stream", text)},
		"encoded":           {handler: answer("application/json", text, "Content-Encoding", "br")},
		"long route":        {route: middleware.Route{Long: true}, handler: answer("application/json", text)},
		"known by a cookie": {handler: answer("text/html", text), request: get("/", "Cookie", "tansu_session=x")},
		"socket":            {handler: answer("text/plain", text), request: get("/", "Upgrade", "websocket", "Connection", "Upgrade")},
		"HEAD":              {handler: answer("text/plain", text), request: httptest.NewRequest("HEAD", "/", nil)},
	} {
		r := c.request
		if r == nil {
			r = get("/")
		}
		r.Header.Set("Accept-Encoding", "gzip, zstd")
		rec := serve(stack(&bytes.Buffer{}, c.route, c.handler), r)
		require.NotContains(t, []string{"gzip", "zstd"}, rec.Header().Get("Content-Encoding"), name)
		require.Contains(t, text, rec.Body.String(), name)
	}
}

// TestEventStreamsAreFlushed goes over a real connection: each event arrives
// while the stream is open.
func TestEventStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	server := httptest.NewServer(stack(&bytes.Buffer{}, middleware.Route{Long: true}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = io.WriteString(w, "data: "+strconv.Itoa(i)+"\n\n")
			_ = http.NewResponseController(w).Flush()
			<-read
		}
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "gzip, zstd")
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	for i := range 3 {
		event := make([]byte, len("data: 0\n\n"))
		_, err := io.ReadFull(response.Body, event)
		require.NoError(t, err)
		require.Equal(t, "data: "+strconv.Itoa(i)+"\n\n", string(event))
		read <- struct{}{}
	}
}

// TestAPanicIsStillAProblem: compression must not send what a handler did not
// finish.
func TestAPanicIsStillAProblem(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(http.ResponseWriter, *http.Request) { panic("broken") })
	rec := serve(h, get("/", "Accept-Encoding", "gzip"))
	require.Equal(t, 500, rec.Code)
	require.Contains(t, plain(t, rec), `"code":"internal"`)
}

func plain(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var reader io.Reader = bytes.NewReader(rec.Body.Bytes())
	var err error
	switch rec.Header().Get("Content-Encoding") {
	case "gzip":
		reader, err = gzip.NewReader(reader)
	case "zstd":
		reader, err = zstd.NewReader(reader)
	}
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(content)
}

func BenchmarkCompress(b *testing.B) {
	h := middleware.Compress(http.HandlerFunc(representation))
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		b.Run(encoding, func(b *testing.B) {
			r := get("/", "Accept-Encoding", encoding)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
