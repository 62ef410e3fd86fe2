package ws

import (
	"context"
	"time"
)

// Decode is for the fuzzer.
var Decode = decode

// Seal and HeaderRoom make frames.
var Seal = seal

const HeaderRoom = headerRoom

// Periods of the protocol that a test has no time for; zero ones stay.
type Periods struct{ Write, SlowWrite, Connect, Ping, Silence, Warn, Grace, Recheck time.Duration }

// Shorten must be called before the first connection.
func (s *Server) Shorten(p Periods) {
	for _, change := range []struct {
		period *time.Duration
		to     time.Duration
	}{
		{&s.times.write, p.Write}, {&s.times.slowWrite, p.SlowWrite}, {&s.times.connect, p.Connect}, {&s.times.ping, p.Ping},
		{&s.times.silence, p.Silence}, {&s.times.warn, p.Warn}, {&s.times.grace, p.Grace},
		{&s.times.recheck, p.Recheck},
	} {
		if change.to > 0 {
			*change.period = change.to
		}
	}
}

// Recheck checks the rights of all once.
func (s *Server) Recheck(ctx context.Context) { s.recheck(ctx, s.open(nil)) }

// Holders counts what has not ended.
func (s *Server) Holders() int { return len(s.open(nil)) }

// Lagged and Dropped read the counters.
func (s *Server) Lagged() int64  { return s.counters.lagged.Load() }
func (s *Server) Dropped() int64 { return s.counters.dropped.Load() }

// Frames lists all frames of the protocol by type.
func Frames() map[string]any {
	all := map[string]any{}
	for _, d := range append(append([]described{}, clientFrames...), serverFrames...) {
		all[typeOf(d.frame)] = d.frame
	}
	return all
}
