package projections

import (
	"bytes"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

// sharedRuns decodes a message once for all projections of a process, which get
// it at about the same time. Safe for concurrent use.
type sharedRuns struct {
	recent *lru.Cache[string, sharedRun]
}

// keptRuns is how many messages are remembered; each is bounded like a message.
const keptRuns = 16

// sharedRun is what a message says. Its events are read only.
type sharedRun struct {
	payload []byte
	decode  func() (*run, error) // the first call decodes
}

func newSharedRuns() (*sharedRuns, error) {
	recent, err := lru.New[string, sharedRun](keptRuns)
	return &sharedRuns{recent}, err
}

// of returns the run in a tenant's message, for the caller to keep.
func (s *sharedRuns) of(tenant uuid.UUID, m *message.Message) (*run, error) {
	mine := sharedRun{m.Payload, sync.OnceValues(func() (*run, error) { return decodeRun(tenant, m) })}
	// The id is the publisher's word; the payload and the head decide.
	key := m.UUID + m.Metadata.Get(keyTenant) + m.Metadata.Get(keyPosition)
	known, found, _ := s.recent.PeekOrAdd(key, mine)
	if !found || !bytes.Equal(known.payload, m.Payload) {
		known = mine
	}
	r, err := known.decode()
	if err != nil {
		return nil, err
	}
	own := *r
	own.events = r.events[:len(r.events):len(r.events)] // what is appended goes elsewhere
	return &own, nil
}
