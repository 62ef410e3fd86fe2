package memory

import (
	"bytes"
	"context"
	"crypto/rand"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// SubjectKey implements eventstore.SubjectKeys.
func (s *Store) SubjectKey(ctx context.Context, tenant uuid.UUID, subject string, create bool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.log(tenant)
	key, known := l.subjects[subject]
	switch {
	case known && key == nil:
		return nil, eventstore.ErrSubjectErased
	case known:
		return bytes.Clone(key), nil
	case !create:
		return nil, eventstore.ErrNoSubjectKey
	}
	key = make([]byte, eventstore.SubjectKeySize)
	rand.Read(key)
	l.subjects[subject] = key
	return bytes.Clone(key), nil
}
