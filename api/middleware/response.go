package middleware

import (
	"bufio"
	"net"
	"net/http"
)

// response counts what is sent and knows whether sending has begun.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if status >= 200 { // the 1xx ones are not the answer yet
		w.status = status
	}
	switch h := w.Header(); {
	case status == http.StatusNotModified || status == http.StatusNoContent:
		h.Del("Content-Type")
		h.Del("Content-Length")
	case status >= http.StatusBadRequest:
		h.Set("Cache-Control", "no-store") // a refusal holds for this request only
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Hijack hands the connection over to who speaks something else than HTTP on it.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
