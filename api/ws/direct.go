package ws

import (
	"encoding/binary"
	"syscall"
)

// headerRoom is the longest header of a frame that a server sends (RFC 6455, 5.2).
const headerRoom = 10

// seal writes the header of a text message into the room before its payload, and
// returns the whole frame.
func seal(message []byte) []byte {
	var frame []byte
	switch size := len(message) - headerRoom; {
	case size < 126:
		frame = message[headerRoom-2:]
		frame[1] = byte(size)
	case size < 1<<16:
		frame = message[headerRoom-4:]
		frame[1] = 126
		binary.BigEndian.PutUint16(frame[2:], uint16(size))
	default:
		frame = message
		frame[1] = 127
		binary.BigEndian.PutUint64(frame[2:], uint64(size))
	}
	frame[0] = 0x81 // text, and final
	return frame
}

// news is called when a subscription may have more. A connection with nothing
// else to do gets it on the spot: waking a writer for each of many readers takes
// longer than writing. What may have to wait is left to the writer.
func (c *conn) news(sub *subscription) {
	sub.due.Store(true)
	if c.line == nil || !c.writing.CompareAndSwap(resting, atWork) {
		c.wake()
		return
	}
	if !c.deliverNow(sub) || !c.rest() {
		go c.write()
	}
}

// sendNow writes a message as far as the line takes it without waiting, and
// leaves the rest to the writer. It reports whether there is none.
func (c *conn) sendNow(message *[]byte) bool {
	frame := seal(*message)
	taken := 0
	var err error
	failed := c.line.Control(func(fd uintptr) { taken, err = syscall.Write(int(fd), frame) })
	if failed != nil || err != nil {
		taken = 0 // the writer finds out whether the line is full or broken
	}
	if taken < len(frame) {
		c.unsent = frame[taken:]
		return false
	}
	c.sent(len(frame))
	release(message)
	return true
}
