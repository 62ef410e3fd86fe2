package subject_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"tansu.cloud/domain"
	"tansu.cloud/domain/subject"
)

var erased = subject.Erased{Subject: "user-1", Reason: "asked to"}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		given []subject.Event
		when  subject.Erase
		then  []subject.Event
		field string // that is refused
	}{
		{"erase", nil, subject.Erase{Subject: "user-1", Reason: " asked to "}, []subject.Event{erased}, ""},
		{"erase twice", []subject.Event{erased}, subject.Erase{Subject: "user-1"}, nil, ""},
		{"erase nobody", nil, subject.Erase{}, nil, "/subject"},
		{"erase a name that no stream can have", nil, subject.Erase{Subject: strings.Repeat("漢", 100)}, nil, "/subject"},
		{"erase with a bad reason", nil, subject.Erase{Subject: "user-1", Reason: "\x00"}, nil, "/reason"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var s subject.State
			for _, e := range tc.given {
				s = subject.Apply(s, e)
			}
			events, err := subject.Decide(s, tc.when)
			if tc.field != "" {
				var refusal *domain.Error
				require.True(t, errors.As(err, &refusal))
				require.Equal(t, tc.field, refusal.Fields[0].Field)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, events)
		})
	}
}

func TestErasedIsFinal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s subject.State
		id := rapid.StringN(1, 50, 255).Draw(t, "subject")
		for range rapid.IntRange(1, 5).Draw(t, "times") {
			events, err := subject.Decide(s, subject.Erase{Subject: id, Reason: rapid.String().Draw(t, "reason")})
			require.False(t, err != nil && len(events) > 0)
			require.False(t, s.Erased && len(events) > 0)
			for _, e := range events {
				s = subject.Apply(s, e)
				require.Equal(t, subject.State{Subject: id, Erased: true}, s)
			}
		}
	})
}
