package ws

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"tansu.cloud/api/problem"
)

// Clients come back spread over a time that grows with their number.
const (
	returnsPerSecond = 500
	shortestReturn   = time.Second
	longestReturn    = 20 * time.Second
)

// Drain ends all sockets and feeds with a hint when to come back, and refuses
// new ones. When ctx ends it cuts those that have not gone. Nothing of the server
// runs after it.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	all := s.open(nil)
	span := time.Duration(len(all)) * time.Second / returnsPerSecond
	span = min(max(span, shortestReturn), longestReturn)
	for _, h := range all {
		h.end(closeRestart, problem.Shutdown, rand.N(span))
	}
	gone := make(chan struct{})
	go func() {
		s.ended.Wait()
		s.watchers.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		for _, h := range s.open(nil) {
			h.cut()
		}
		<-gone
	}
	return errors.Join(err, s.unobserve.Unregister())
}
