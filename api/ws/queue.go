package ws

import (
	"encoding/json"
	"fmt"

	"github.com/gorilla/websocket"
)

// Bounds of the frames that wait for a socket's writer. Events never wait here:
// the writer takes them from the cursor when it can write them.
const (
	maxQueueFrames = 256
	maxQueueBytes  = 64 << 10
)

// item is a frame that waits, or a function of the writer that makes it then, or
// does what else is to be done.
type item struct {
	frame []byte
	make  func() []byte
}

// push queues a frame that others have caused, unless the queue is full: then
// the frame is dropped, and missed is set if there is one.
func (c *conn) push(frame []byte, missed *bool) {
	c.mu.Lock()
	if len(c.queue) >= maxQueueFrames || c.queued+len(frame) > maxQueueBytes {
		if missed != nil {
			*missed = true
		}
		c.server.counters.dropped.Add(1)
	} else {
		c.add(item{frame: frame})
	}
	c.mu.Unlock()
	c.wake()
}

// reply queues an answer to the client. While the queue is full the reader
// waits, and so does the client that does not read.
func (c *conn) reply(frame any) {
	encoded := encode(frame)
	c.mu.Lock()
	c.add(item{frame: encoded})
	c.mu.Unlock()
	c.awaitRoom()
}

// pong queues the answer to a ping. The reader must not write it: the writer may
// be in the midst of a frame.
func (c *conn) pong(data string) {
	c.mu.Lock()
	c.add(item{make: func() []byte {
		c.control(websocket.PongMessage, data)
		return nil
	}})
	c.mu.Unlock()
	c.awaitRoom()
}

func (c *conn) awaitRoom() {
	c.wake()
	c.mu.Lock()
	for c.closing == nil && (len(c.queue) > maxQueueFrames || c.queued > maxQueueBytes) {
		c.changed.Wait()
	}
	c.mu.Unlock()
}

// add is called under mu.
func (c *conn) add(i item) {
	c.queue = append(c.queue, i)
	c.queued += len(i.frame)
	c.server.counters.queued.Add(int64(len(i.frame)))
}

// next takes the oldest item.
func (c *conn) next() (i item, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return item{}, false
	}
	i = c.queue[0]
	c.queue[0] = item{}
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil // an idle socket keeps nothing
	}
	c.queued -= len(i.frame)
	c.server.counters.queued.Add(-int64(len(i.frame)))
	c.changed.Broadcast()
	return i, true
}

// encode never fails for the types of this package; what clients put into them
// was checked to be JSON.
func encode(frame any) []byte {
	encoded, err := json.Marshal(frame)
	if err != nil {
		panic(fmt.Sprintf("ws: encoding %T: %v", frame, err))
	}
	return encoded
}
