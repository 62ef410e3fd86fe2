package postgres

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// A connection that kept a lane's buffer would write other users' messages from
// it, while the lane fills it for another connection.
func TestAConnectionDoesNotKeepTheBufferThatItWasLent(t *testing.T) {
	var sent bytes.Buffer
	frontend := pgproto3.NewFrontend(nil, &sent)
	w := &wire{}
	for _, payload := range [][]byte{make([]byte, ownWriteBuffer), make([]byte, 300_000)} {
		w.need = len(payload) + 128
		frontend.SendParse(&pgproto3.Parse{Name: "pending"})
		frontend.Send(w)
		frontend.SendBind(&pgproto3.Bind{Parameters: [][]byte{payload}})
		require.NoError(t, frontend.Flush())
		require.GreaterOrEqual(t, sent.Len(), len(payload), "what was pending and what followed are written")
		require.True(t, bytes.HasPrefix(sent.Bytes(), []byte{'P'}))

		lent := bytes.Repeat([]byte{0xee}, cap(w.buf))
		copy(w.buf[:cap(w.buf)], lent)
		frontend.SendQuery(&pgproto3.Query{String: "SELECT 1"})
		require.NoError(t, frontend.Flush())
		require.True(t, bytes.Equal(lent, w.buf[:cap(w.buf)]), "the next message is not written from the lent buffer")
		sent.Reset()
	}
}
