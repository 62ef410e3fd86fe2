package feeds

import "tansu.cloud/eventstore"

type stream = eventstore.Stream

// picker collects the events of a batch.
type picker struct {
	selection           *selection
	maxEvents, maxBytes int
	newest              map[stream]int // where each stream's event is in picked, if they are coalesced

	picked    []*Entry // nil where a newer event took over
	bytes     int
	coalesced int
	full      bool
}

// take looks at entries that follow a position until there is no more room, and
// returns the position up to which it did.
func (p *picker) take(entries []*Entry, position int64) int64 {
	for _, e := range entries {
		if p.selection.selects(e) && !p.add(e) {
			p.full = true
			break
		}
		position = e.Event.Position
	}
	return position
}

// add reports false if the entry has no room.
func (p *picker) add(e *Entry) bool {
	count, bytes := len(p.picked)-p.coalesced, p.bytes+len(e.CloudEvent())
	older, found := p.newest[e.Event.Stream]
	if found {
		count--
		bytes -= len(p.picked[older].CloudEvent())
	}
	if count > 0 && (count >= p.maxEvents || bytes > p.maxBytes) {
		return false
	}
	if found {
		p.picked[older] = nil
		p.coalesced++
	}
	if p.newest != nil {
		p.newest[e.Event.Stream] = len(p.picked)
	}
	p.picked = append(p.picked, e)
	p.bytes = bytes
	return true
}

func (p *picker) entries() []*Entry {
	if p.coalesced == 0 {
		return p.picked
	}
	left := p.picked[:0]
	for _, e := range p.picked {
		if e != nil {
			left = append(left, e)
		}
	}
	return left
}
