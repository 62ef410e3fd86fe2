package postgres

import "tansu.cloud/eventstore"

type claimKey struct{ scope, value string }

// holders tells who holds the unique values that a plan touches: before it, as
// far as known, and after it. The difference is what has to be written.
type holders struct {
	before, after map[claimKey]eventstore.Stream
	touched       []claimKey
}

func (h *holders) holder(k claimKey) (eventstore.Stream, bool) {
	if s, ok := h.after[k]; ok {
		return s, s != eventstore.Stream{}
	}
	s, ok := h.before[k]
	return s, ok
}

// apply carries out a request's claims, releases first, or none of them.
func (h *holders) apply(claims []eventstore.Claim) error {
	if len(claims) == 0 {
		return nil
	}
	next := map[claimKey]eventstore.Stream{}
	holder := func(k claimKey) (eventstore.Stream, bool) {
		if s, ok := next[k]; ok {
			return s, s != eventstore.Stream{}
		}
		return h.holder(k)
	}
	for _, c := range claims {
		if c.Op != eventstore.ReleaseClaim {
			continue
		}
		k := claimKey{c.Scope, c.Value}
		if s, ok := holder(k); !ok || s != c.Stream {
			return &eventstore.ClaimNotHeld{Scope: c.Scope, Value: c.Value, Stream: c.Stream}
		}
		next[k] = eventstore.Stream{}
	}
	for _, c := range claims {
		if c.Op != eventstore.TakeClaim {
			continue
		}
		k := claimKey{c.Scope, c.Value}
		if s, ok := holder(k); ok && s != c.Stream {
			return &eventstore.ClaimTaken{Scope: c.Scope, Value: c.Value, Holder: s}
		}
		next[k] = c.Stream
	}
	if h.after == nil {
		h.after = map[claimKey]eventstore.Stream{}
	}
	for k, s := range next {
		if _, ok := h.after[k]; !ok {
			h.touched = append(h.touched, k)
		}
		h.after[k] = s
	}
	return nil
}

// changes lists the values to delete and the claims to insert.
func (h *holders) changes() (deletes []claimKey, inserts []eventstore.Claim) {
	for _, k := range h.touched {
		before, held := h.before[k]
		after := h.after[k]
		if held && before != after {
			deletes = append(deletes, k)
		}
		if (after != eventstore.Stream{}) && before != after {
			inserts = append(inserts, eventstore.Claim{Op: eventstore.TakeClaim, Scope: k.scope, Value: k.value, Stream: after})
		}
	}
	return deletes, inserts
}
