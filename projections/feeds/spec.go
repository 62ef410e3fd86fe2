package feeds

import (
	"errors"
	"fmt"
	"strings"

	"tansu.cloud/domain/filter"
	"tansu.cloud/eventstore"
)

// MaxTopics is the most topics of a Spec.
const MaxTopics = 50

// SpecError says everything that is wrong with a Spec.
type SpecError struct{ Problems []Problem }

// Problem is one fault, at a JSON pointer into the frame that subscribes.
type Problem struct{ Pointer, Code, Message string }

func (e *SpecError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Pointer + ": " + p.Message
	}
	return "the subscription is not valid: " + strings.Join(texts, "; ")
}

// selection decides which events a cursor delivers.
type selection struct {
	any     bool // every topic
	types   map[string]struct{}
	kinds   map[string]struct{} // stream types
	streams map[eventstore.Stream]struct{}
	actors  map[string]struct{}
	others  []Topic // with another combination of fields
	filter  *filter.Expr
}

// unselective is the selection of all who want everything.
var unselective = selection{any: true}

// compile checks a Spec. Topics with one criterion become sets, so that many of
// them cost what one does.
func compile(s Spec) (*selection, error) {
	if len(s.Topics) == 0 && s.Filter == "" && s.After >= 0 {
		return &unselective, nil
	}
	found := &selection{any: len(s.Topics) == 0}
	var problems []Problem
	if len(s.Topics) > MaxTopics {
		problems = append(problems, Problem{"/topics", "too_many", fmt.Sprintf("there are %d topics; at most %d are allowed", len(s.Topics), MaxTopics)})
	} else {
		for i, t := range s.Topics {
			problems = append(problems, t.problems(fmt.Sprintf("/topics/%d", i))...)
			found.add(t)
		}
	}
	if s.Filter != "" {
		var err error
		if found.filter, err = ParseFilter(s.Filter); err != nil {
			if syntax := (*filter.SyntaxError)(nil); errors.As(err, &syntax) {
				problems = append(problems, Problem{"/filter", "filter_invalid", syntax.Error()})
			}
		}
	}
	if s.After < 0 {
		problems = append(problems, Problem{"/from/after", "out_of_range", "a position is 0 or more; 0 begins with the first event"})
	}
	if problems != nil {
		return nil, &SpecError{problems}
	}
	return found, nil
}

func (t *Topic) problems(pointer string) (problems []Problem) {
	for _, f := range [...]struct {
		name, value string
		max         int
	}{
		{"stream_type", t.StreamType, eventstore.MaxName}, {"stream_id", t.StreamID, eventstore.MaxStreamID},
		{"type", t.Type, eventstore.MaxName}, {"actor", t.Actor, eventstore.MaxMetadataField},
	} {
		if len(f.value) > f.max {
			problems = append(problems, Problem{pointer + "/" + f.name, "too_long", fmt.Sprintf("has %d bytes; no event has more than %d", len(f.value), f.max)})
		}
	}
	return problems
}

func (s *selection) add(t Topic) {
	switch t {
	case Topic{}:
		s.any = true
	case Topic{Type: t.Type}:
		s.types = with(s.types, t.Type)
	case Topic{StreamType: t.StreamType}:
		s.kinds = with(s.kinds, t.StreamType)
	case Topic{StreamType: t.StreamType, StreamID: t.StreamID}:
		if t.StreamType == "" {
			s.others = append(s.others, t)
			return
		}
		s.streams = with(s.streams, eventstore.Stream{Type: t.StreamType, ID: t.StreamID})
	case Topic{Actor: t.Actor}:
		s.actors = with(s.actors, t.Actor)
	default:
		s.others = append(s.others, t)
	}
}

// with adds to a set that is made when it is needed.
func with[T comparable](set map[T]struct{}, v T) map[T]struct{} {
	if set == nil {
		set = map[T]struct{}{}
	}
	set[v] = struct{}{}
	return set
}

// everything reports whether no event is left out.
func (s *selection) everything() bool { return s.any && s.filter == nil }

func (s *selection) selects(e *Entry) bool {
	return (s.any || s.onTopic(e)) && (s.filter == nil || s.filter.Match(e.Field))
}

func (s *selection) onTopic(e *Entry) bool {
	event := &e.Event
	if _, found := s.types[event.Type]; found {
		return true
	}
	if _, found := s.kinds[event.Stream.Type]; found {
		return true
	}
	if _, found := s.streams[event.Stream]; found {
		return true
	}
	if len(s.actors) > 0 {
		if _, found := s.actors[e.meta().Actor]; found {
			return true
		}
	}
	for i := range s.others {
		if s.others[i].selects(e) {
			return true
		}
	}
	return false
}

func (t *Topic) selects(e *Entry) bool {
	return (t.Type == "" || t.Type == e.Event.Type) &&
		(t.StreamType == "" || t.StreamType == e.Event.Stream.Type) &&
		(t.StreamID == "" || t.StreamID == e.Event.Stream.ID) &&
		(t.Actor == "" || t.Actor == e.meta().Actor)
}
