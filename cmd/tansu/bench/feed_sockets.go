package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	idleSockets = 10_000
	spareFiles  = 500 // of a process, for everything else
)

// idleSockets compares what 10,000 subscribed sockets that nothing is sent to
// cost a node with the same number of bare ones, as gorilla makes them. Either
// server is a new process in each round, with no other memory than its own.
func (b *Bench) idleSockets(ctx context.Context) ([]Result, error) {
	if _, ok := residentMemory("self"); !ok {
		b.progress("feed: memory is measured on Linux only")
		return nil, nil
	}
	n, note := idleSockets, ""
	var files syscall.Rlimit // Go has raised the soft limit to the hard one
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	if most := int(min(files.Cur, 1<<20)) - spareFiles; n > most {
		n, note = most, fmt.Sprintf("no more sockets: the limit of open files is %d; raise it with ulimit -n", files.Cur)
	}
	var cost pairs
	for round := range b.Rounds + 1 {
		ours, err := b.socketCost(ctx, n, aloneOrder{NodeOrder: NodeOrder{DSN: b.DSN}})
		if err != nil {
			return nil, err
		}
		line, err := b.socketCost(ctx, n, aloneOrder{Raw: true})
		if err != nil {
			return nil, err
		}
		if round > 0 {
			cost.add(ours, line)
		}
	}
	b.progress("feed: idle sockets done")
	result := cost.result("feed", fmt.Sprintf("memory per idle socket, %d sockets", n), "KB")
	result.Note = note
	return []Result{result}, nil
}

// socketCost is the memory that a server has more for a number of sockets, in
// KB per socket.
func (b *Bench) socketCost(ctx context.Context, n int, order aloneOrder) (float64, error) {
	server, err := startAlone(ctx, order)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	before, err := server.settledMemory()
	if err != nil {
		return 0, err
	}
	conns := make([]*websocket.Conn, n)
	opening, openCtx := errgroup.WithContext(ctx)
	opening.SetLimit(dialAtOnce)
	dialer := &websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: writeBuffers, Subprotocols: feedProtocols}
	for i := range conns {
		opening.Go(func() (err error) {
			if order.Raw {
				conns[i], _, err = dialer.DialContext(openCtx, "ws"+strings.TrimPrefix(server.node.URL, "http"), nil)
			} else {
				conns[i], err = subscribe(openCtx, server.node, "system", `{"now":true}`, dialer)
			}
			return err
		})
	}
	err = opening.Wait()
	w := &watchers{conns: conns, news: make(chan struct{}, 1)}
	defer w.close()
	if err != nil {
		return 0, err
	}
	for _, conn := range conns { // pings are answered
		w.reading.Go(func() { w.read(conn, func([]byte) {}) })
	}
	after, err := server.settledMemory()
	if err == nil && w.lost.Load() {
		err = fmt.Errorf("the server closed sockets that were idle")
	}
	return float64(after-before) / 1024 / float64(n), err
}

// serveRaw answers with bare websockets.
func serveRaw() (Node, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Node{}, err
	}
	server := &http.Server{ReadHeaderTimeout: feedTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil {
			_, _, err = conn.ReadMessage()
		}
	})}
	go func() { _ = server.Serve(listener) }() // ends with Stop
	return Node{URL: "http://" + listener.Addr().String(), Stop: server.Close}, nil
}
