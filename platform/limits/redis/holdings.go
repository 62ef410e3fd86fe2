package redis

import "sync"

// holdings is what this process holds.
type holdings struct {
	mu      sync.Mutex
	byKey   map[string]*holding
	changed map[*holding]bool // Redis has to be told
	wake    chan struct{}     // has a value when there are such
}

// holding is one key's. It is forgotten when nothing is held, Redis knows, and no
// call is under way.
type holding struct {
	key     string
	telling sync.Mutex // held while Redis is told, which keeps the order

	// Guarded by holdings.
	held     int
	believed int // how many Redis believes to be held
	users    int // calls under way
}

// unknown differs from every count.
const unknown = -1

func newHoldings() *holdings {
	return &holdings{byKey: map[string]*holding{}, changed: map[*holding]bool{}, wake: make(chan struct{}, 1)}
}

func (hs *holdings) enter(key string) *holding {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.byKey[key]
	if h == nil {
		h = &holding{key: key}
		hs.byKey[key] = h
	}
	h.users++
	return h
}

func (hs *holdings) exit(h *holding) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.users--
	hs.settle(h)
}

func (hs *holdings) count(h *holding) int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return h.held
}

// add counts one more.
func (hs *holdings) add(h *holding) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.held++
	hs.settle(h)
}

// addTold counts one more; Redis was told the count.
func (hs *holdings) addTold(h *holding, count int) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.held++
	h.believed = count
	hs.settle(h)
}

func (hs *holdings) remove(h *holding) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.held--
	hs.settle(h)
}

func (hs *holdings) told(h *holding, count int) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.believed = count
	hs.settle(h)
}

// repeat has Redis told everything: nothing is known of what it believes.
func (hs *holdings) repeat() {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range hs.byKey {
		h.believed = unknown
		hs.settle(h)
	}
}

// settle finds out what follows from a change.
func (hs *holdings) settle(h *holding) {
	if h.held == h.believed {
		delete(hs.changed, h)
		if h.held == 0 && h.users == 0 {
			delete(hs.byKey, h.key)
		}
		return
	}
	hs.changed[h] = true
	select {
	case hs.wake <- struct{}{}:
	default:
	}
}

// take returns what Redis has to be told; each is to be exited afterwards.
func (hs *holdings) take() (changed []*holding) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for h := range hs.changed {
		h.users++
		changed = append(changed, h)
	}
	clear(hs.changed)
	return changed
}
