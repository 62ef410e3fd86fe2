package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
)

// Bounds of an event stream.
const (
	streamBatchEvents = 500
	streamBatchBytes  = 256 << 10
	streamRowBytes    = 256 << 10
	streamWrite       = 10 * time.Second // for a batch to be taken
	streamComment     = 15 * time.Second // between signs of life
	streamTick        = time.Second      // between positions, and attempts when the log cannot be read
)

// eventStream writes a feed as Server-Sent Events.
type eventStream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	logger   *slog.Logger
	news     chan struct{} // the feed may have more
	buf      []byte
	told     int64 // position that the client knows
	lastSent time.Time
	failing  bool
}

func newEventStream(w http.ResponseWriter, logger *slog.Logger) *eventStream {
	return &eventStream{w: w, control: http.NewResponseController(w), logger: logger, news: make(chan struct{}, 1)}
}

// wake does not block.
func (s *eventStream) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// cut ends a write that hangs.
func (s *eventStream) cut() { _ = s.control.SetWriteDeadline(time.Now()) }

func (s *eventStream) begin() {
	h := s.w.Header()
	h.Set("Content-Type", contentEventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
}

// run streams until the client goes, or has to.
func (s *eventStream) run(ctx context.Context, feed *ws.Feed) {
	s.begin()
	if !s.open(feed) {
		return
	}
	tick := time.NewTicker(streamTick)
	defer tick.Stop()
	s.wake()
	for goOn := true; goOn; {
		select { // first, whatever else there is
		case <-feed.Ended():
			s.close(feed.Reason())
			return
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-feed.Ended():
		case <-s.news:
			goOn = s.deliver(ctx, feed)
		case now := <-tick.C:
			goOn = s.idle(feed, now)
		}
	}
}

// open sends the rows of a snapshot and where delivery begins.
func (s *eventStream) open(feed *ws.Feed) bool {
	rows := feed.Rows()
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size+len(rows[n]) <= streamRowBytes) {
			size += len(rows[n])
			n++
		}
		data, err := json.Marshal(map[string]any{"rows": rows[:n]})
		if err != nil || !s.send("snapshot", "", data) {
			return false
		}
		rows = rows[n:]
	}
	s.told = feed.Start()
	return s.sendPosition("subscribed")
}

// deliver sends a batch. If there is more, it comes next.
func (s *eventStream) deliver(ctx context.Context, feed *ws.Feed) bool {
	batch, err := feed.Next(ctx, streamBatchEvents, streamBatchBytes)
	if err != nil {
		return s.failed(ctx, err)
	}
	s.failing = false
	if batch.More {
		s.wake()
	}
	if batch.Lagged && !s.send("lagged", "", positionData(s.told)) {
		return false
	}
	for _, e := range batch.Entries {
		s.add("event", strconv.FormatInt(e.Event.Position, 10), e.CloudEvent())
	}
	if len(batch.Entries) == 0 {
		return true
	}
	s.told = batch.Entries[len(batch.Entries)-1].Event.Position
	sent := len(s.buf)
	return s.flush() && feed.Pay(ctx, sent)
}

// failed reports whether the stream can go on, at the next tick.
func (s *eventStream) failed(ctx context.Context, err error) bool {
	var corrupt *eventstore.CorruptLog
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, feeds.ErrStopped):
		s.close(ws.Closing{Code: string(problem.Shutdown), RetryIn: 1000 + rand.IntN(1000)})
		return false
	case errors.As(err, &corrupt):
		s.logger.ErrorContext(ctx, "a feed meets a damaged log", "error", err)
		s.close(ws.Closing{Code: string(problem.LogCorrupt)})
		return false
	}
	if !s.failing {
		s.failing = true
		s.logger.WarnContext(ctx, "a feed cannot be read now; it is tried again", "error", err)
	}
	return true
}

// idle tells a position that moved without events, and keeps the line open.
func (s *eventStream) idle(feed *ws.Feed, now time.Time) bool {
	switch position := feed.Position(); {
	case s.failing:
		s.wake()
	case position > s.told:
		s.told = position
		return s.sendPosition("position")
	case now.Sub(s.lastSent) >= streamComment:
		s.buf = append(s.buf, ":\n\n"...)
		return s.flush()
	}
	return true
}

// close says why the stream ends. A client that shall come back is told when.
func (s *eventStream) close(why ws.Closing) {
	data, err := json.Marshal(map[string]any{"code": why.Code, "retry_in": why.RetryIn})
	if err != nil {
		return
	}
	if why.RetryIn > 0 {
		s.buf = append(s.buf, "retry: "+strconv.Itoa(why.RetryIn)+"\n"...)
	}
	s.send("closing", "", data)
}

func (s *eventStream) sendPosition(event string) bool {
	return s.send(event, strconv.FormatInt(s.told, 10), positionData(s.told))
}

func positionData(position int64) []byte {
	return []byte(`{"position":` + strconv.FormatInt(position, 10) + `}`)
}

func (s *eventStream) send(event, id string, data []byte) bool {
	s.add(event, id, data)
	return s.flush()
}

// add writes into the buffer. Line breaks, which JSON has between its tokens
// only, begin a new line of data.
func (s *eventStream) add(event, id string, data []byte) {
	if id != "" {
		s.buf = append(append(append(s.buf, "id: "...), id...), '\n')
	}
	s.buf = append(append(append(s.buf, "event: "...), event...), '\n')
	for more := true; more; {
		var line []byte
		line, data, more = bytes.Cut(data, []byte{'\n'})
		s.buf = append(s.buf, "data: "...)
		s.buf = append(s.buf, bytes.ReplaceAll(line, []byte{'\r'}, []byte{' '})...)
		s.buf = append(s.buf, '\n')
	}
	s.buf = append(s.buf, '\n')
}

func (s *eventStream) flush() bool {
	// Not every ResponseWriter has deadlines (those of tests have none).
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWrite))
	_, err := s.w.Write(s.buf)
	if s.buf = s.buf[:0]; cap(s.buf) > streamBatchBytes/4 {
		s.buf = nil // while nothing happens, nothing is kept
	}
	s.lastSent = time.Now()
	return err == nil && s.control.Flush() == nil
}
