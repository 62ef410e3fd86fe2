package middleware

import (
	"mime"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the size of an answer below which compression saves no packet.
const minCompressed = 1 << 10

// Compress answers with zstd or gzip where the client takes it and it is worth
// it. A compressed answer is another representation, so its ETag has a suffix;
// preconditions take the tag with it or without.
//
// Left alone are answers of any length, which are flushed or archives; sockets;
// and answers to who is known by a cookie: a foreign page can make a browser send
// it and learn from the sizes what stands beside its own text (BREACH).
func Compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(minCompressed), gzhttp.ContentTypeFilter(compressible), gzhttp.SuffixETag("-gzip"))
	if err != nil {
		panic(err) // the options contradict each other
	}
	compressing := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := strings.Join(r.Header.Values("If-None-Match"), ","); withoutSuffix.Replace(asked) != asked {
			w = &retagged{w, asked}
		}
		for _, name := range []string{"If-Match", "If-None-Match"} {
			for i, value := range r.Header[name] {
				r.Header[name][i] = withoutSuffix.Replace(value)
			}
		}
		if From(r.Context()).Route.Long || r.Header.Get("Upgrade") != "" || r.Header.Get("Cookie") != "" {
			next.ServeHTTP(w, r)
			return
		}
		compressing(w, r)
	})
}

var (
	tagSuffixes   = []string{"-gzip", "-zstd"}
	withoutSuffix = strings.NewReplacer(`-gzip"`, `"`, `-zstd"`, `"`)
)

// compressible tells media types of text from those that are compressed already,
// and from event streams.
func compressible(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media == "text/event-stream" {
		return false
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "json") || strings.HasSuffix(media, "+xml") ||
		media == "application/xml"
}

// retagged puts the suffix back in the answer that nothing has changed: it is
// about what the client has.
type retagged struct {
	http.ResponseWriter
	asked string // If-None-Match as it was sent
}

func (w *retagged) WriteHeader(status int) {
	if tag := w.Header().Get("ETag"); status == http.StatusNotModified && !strings.Contains(w.asked, tag) {
		for _, suffix := range tagSuffixes {
			if full := strings.TrimSuffix(tag, `"`) + suffix + `"`; strings.Contains(w.asked, full) {
				w.Header().Set("ETag", full)
				break
			}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *retagged) Unwrap() http.ResponseWriter { return w.ResponseWriter }
