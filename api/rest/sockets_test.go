package rest_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
)

// wire is a websocket that has sent its connect frame.
type wire struct {
	*websocket.Conn
	t *testing.T
}

func connect(t *testing.T, server *httptest.Server, token, tenant string) wire {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/v1/ws", nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(feedTimeout)))
	frame := map[string]string{"type": "connect", "token": token}
	if tenant != "" {
		frame["tenant"] = tenant
	}
	require.NoError(t, conn.WriteJSON(frame))
	return wire{conn, t}
}

func (w wire) read() map[string]any {
	w.t.Helper()
	var frame map[string]any
	require.NoError(w.t, w.ReadJSON(&frame))
	return frame
}

// closed reads on until the server closes.
func (w wire) closed() *websocket.CloseError {
	w.t.Helper()
	for {
		if _, _, err := w.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			require.ErrorAs(w.t, err, &closed)
			return closed
		}
	}
}

// cutAuth takes an Authorization line apart.
func cutAuth(line string) (scheme, token string, ok bool) {
	return strings.Cut(strings.TrimPrefix(line, "Authorization: "), " ")
}
