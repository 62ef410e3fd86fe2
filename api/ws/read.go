package ws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"tansu.cloud/api/problem"
)

// listen takes the frames of the client from now on.
func (c *conn) listen() {
	c.ws.SetReadLimit(maxMessage)
	c.ws.SetPongHandler(func(string) error { c.heard(); return nil })
	c.ws.SetPingHandler(func(data string) error {
		c.heard()
		if ok, _ := c.pace.take(time.Now()); ok {
			c.pong(data)
		}
		return nil
	})
	go c.read()
}

// read waits for the next frame. It does nothing else, and a new goroutine does it
// for each: so the stack is as small as they come while nothing happens, whatever
// was needed to handle the frame before.
func (c *conn) read() {
	kind, frame, err := c.ws.NextReader()
	c.handleNext(kind, frame, err)
}

// handleNext handles a frame and has the one after it read.
func (c *conn) handleNext(kind int, frame io.Reader, err error) {
	var message []byte
	if err == nil {
		message, err = io.ReadAll(frame)
	}
	if err != nil {
		c.note(err)
		c.finish()
		return
	}
	c.heard()
	if !c.isClosing() { // else it waits for the client to close too
		c.receive(kind, message)
	}
	go c.read()
}

// heard notes that the client is there.
func (c *conn) heard() { c.heardAt.Store(time.Now().UnixMilli()) }

// note keeps how the connection ended, unless this side ended it.
func (c *conn) note(err error) {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		c.code = closed.Code
	case errors.Is(err, websocket.ErrReadLimit):
		c.code = websocket.CloseMessageTooBig
	}
}

func (c *conn) receive(kind int, message []byte) {
	now := time.Now()
	if ok, after := c.pace.take(now); !ok {
		if c.pace.hasty > maxHasty {
			c.end(CloseTooMany, problem.RateLimited, time.Second)
			return
		}
		c.answer(&refusal{code: problem.RateLimited, detail: "Send at most 50 frames a second.", retryIn: milliseconds(after)})
		return
	}
	if kind != websocket.TextMessage {
		c.refuseAndClose(CloseBadFrame, &refusal{code: problem.FrameInvalid, detail: "Frames are text messages."})
		return
	}
	frame, err := decode(message)
	if errors.Is(err, errNotAFrame) {
		c.refuseAndClose(CloseBadFrame, &refusal{code: problem.FrameInvalid, detail: "Each message is one JSON object in UTF-8, nested at most 64 levels."})
		return
	}
	if err == nil {
		err = c.handle(frame)
	}
	if err != nil {
		c.complain(err)
		c.answer(refusalOf(err, subject(frame)))
	}
}

// complain logs what is the server's fault.
func (c *conn) complain(err error) {
	if errors.As(err, new(*refusal)) {
		return
	}
	if problem.From(err).Status >= http.StatusInternalServerError {
		c.server.Logger.Warn("a frame failed", "connection", c.id, "error", err)
	}
}

// frameTime bounds the work on a frame.
const frameTime = 30 * time.Second

func (c *conn) handle(frame any) error {
	ctx, cancel := context.WithTimeout(context.Background(), frameTime)
	defer cancel()
	if connect, ok := frame.(*Connect); ok {
		return c.connect(ctx, connect)
	}
	if c.session.Load() == nil {
		return &refusal{code: problem.Unauthorized, detail: "Send a connect frame first."}
	}
	ctx = c.within(ctx)
	switch f := frame.(type) {
	case *Refresh:
		return c.refresh(ctx, f)
	case *Subscribe:
		return c.subscribe(ctx, f)
	case *Unsubscribe:
		return c.unsubscribe(f)
	case *Join:
		return c.join(ctx, f)
	case *Leave:
		return c.leave(f)
	}
	return c.broadcast(ctx, frame.(*Broadcast))
}

// refusalOf is the answer to a frame that failed.
func refusalOf(err error, subject string) *refusal {
	var r *refusal
	if !errors.As(err, &r) {
		p := problem.From(err)
		r = &refusal{code: p.Code, detail: p.Detail}
		for _, e := range p.Errors {
			r.errors = append(r.errors, FieldError(e))
		}
		if p.Status == http.StatusServiceUnavailable {
			r.retryIn = 1000
		}
	}
	if r.id == "" {
		r.id = subject
	}
	return r
}

// answer sends a refusal, or waits for room to do so.
func (c *conn) answer(r *refusal) { c.reply(r.frame()) }

// refuseAndClose ends the connection for what the client has sent.
func (c *conn) refuseAndClose(code int, r *refusal) {
	c.answer(r)
	c.shut(closing{code: code, reason: r.code, retryIn: time.Duration(r.retryIn) * time.Millisecond})
}

// milliseconds rounds up, so that nobody comes back too soon.
func milliseconds(d time.Duration) int { return int((d + time.Millisecond - 1) / time.Millisecond) }
