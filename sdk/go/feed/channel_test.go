package feed_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

func TestAChannelShowsWhoIsThereAndWhatTheySay(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"join","channel":"order:42","state":{"typing":true}}`)
		p.send(`{"type":"presence","channel":"order:42","members":[{"id":"c0","actor":"ann"},{"id":"c1","actor":"operator","state":{"typing":true}}]}`)
		p.send(`{"type":"presence","channel":"order:42","joined":{"id":"c2","actor":"bob"}}`)
		p.expect(`{"type":"broadcast","channel":"order:42","data":"hello"}`)
		p.send(`{"type":"message","channel":"order:42","from":{"id":"c1","actor":"operator"},"data":"hello"}`)
		p.expect(`{"type":"broadcast","channel":"order:42","data":"again"}`)
		p.send(`{"type":"error","id":"order:42","code":"rate_limited","detail":"Slower.","retry_in":100}`)
		p.send(`{"type":"expiring","expires_at":"2026-01-31T12:00:00Z"}`)
		p.expect(`{"type":"refresh","token":"t"}`)
		p.send(`{"type":"presence","channel":"order:42","left":{"id":"c2","actor":"bob"}}`)
		p.send(`{"type":"presence","channel":"order:42","members":[{"id":"c1","actor":"operator"}]}`)
		p.closeWith(1012, "shutdown")
	})
	ch, err := client(url).Join(t.Context(), "order:42", map[string]bool{"typing": true})
	require.NoError(t, err)
	defer ch.Close()
	require.Equal(t, "c1", ch.ID())
	require.Equal(t, []feed.Member{{ID: "c0", Actor: "ann"}, {ID: "c1", Actor: "operator", State: json.RawMessage(`{"typing":true}`)}}, ch.Members())

	receive := func() feed.ChannelEvent {
		e, err := ch.Receive()
		require.NoError(t, err)
		return e
	}
	require.Equal(t, feed.ChannelEvent{Joined: &feed.Member{ID: "c2", Actor: "bob"}}, receive())
	require.NoError(t, ch.Broadcast("hello"))
	require.Equal(t, feed.ChannelEvent{Message: &feed.ChannelMessage{From: feed.Member{ID: "c1", Actor: "operator"}, Data: json.RawMessage(`"hello"`)}}, receive())
	require.NoError(t, ch.Broadcast("again"))
	require.Equal(t, "rate_limited", receive().Refused.Code)
	require.Equal(t, feed.ChannelEvent{Left: &feed.Member{ID: "c2", Actor: "bob"}}, receive())
	require.Equal(t, feed.ChannelEvent{Members: []feed.Member{{ID: "c1", Actor: "operator"}}}, receive())
	_, err = ch.Receive()
	require.Error(t, err)
}

func TestAChannelMayBeRefused(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"join","channel":"private"}`)
		p.send(`{"type":"error","id":"private","code":"forbidden","detail":"Not yours."}`)
		p.expectClose()
	})
	_, err := client(url).Join(t.Context(), "private", nil)
	require.Equal(t, &feed.Error{Code: "forbidden", Detail: "Not yours."}, err)
}
