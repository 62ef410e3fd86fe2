package rest

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
)

// etag is the strong entity tag of a stream version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// entityTags is a parsed If-Match or If-None-Match.
type entityTags struct {
	present, any bool
	strong       []string // with their quotes
	weak         []string // likewise, without W/
}

func parseEntityTags(header, value string) (entityTags, error) {
	malformed := problem.New(problem.HeaderInvalid, "A precondition header is malformed.").WithErrors(problem.FieldError{
		Pointer: "/header/" + header, Code: "malformed", Message: `must be * or entity tags in double quotes, such as "3"`,
	})
	rest := strings.Trim(value, " \t")
	tags := entityTags{present: rest != "", any: rest == "*"}
	if !tags.present || tags.any {
		return tags, nil
	}
	for {
		tag, weak := strings.CutPrefix(rest, "W/")
		if !strings.HasPrefix(tag, `"`) {
			return entityTags{}, malformed
		}
		end := strings.IndexByte(tag[1:], '"')
		if end < 0 {
			return entityTags{}, malformed
		}
		tag, rest = tag[:end+2], strings.TrimLeft(tag[end+2:], " \t")
		if strings.ContainsAny(tag, " \t") {
			return entityTags{}, malformed
		}
		if weak {
			tags.weak = append(tags.weak, tag)
		} else {
			tags.strong = append(tags.strong, tag)
		}
		if rest == "" {
			return tags, nil
		}
		var more bool
		if rest, more = strings.CutPrefix(rest, ","); !more {
			return entityTags{}, malformed
		}
		rest = strings.TrimLeft(rest, " \t,")
	}
}

// versions lists the stream versions among the strong tags.
func (t entityTags) versions() []int64 {
	var versions []int64
	for _, tag := range t.strong {
		n, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
		if err == nil && n > 0 && etag(n) == tag {
			versions = append(versions, n)
		}
	}
	return versions
}

// holds reports whether If-None-Match holds the tag; weak comparison is right for
// it.
func (t entityTags) holds(tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	return t.any || slices.Contains(t.strong, tag) || slices.Contains(t.weak, tag)
}

// expected turns If-Match into the expected version of a command on a stream.
// Comparison is strong, so W/ tags match nothing; * asks only that the stream
// exists, which the commands on an existing aggregate do anyway.
func (s *server) expected(ctx context.Context, ifMatch string, tenant uuid.UUID, stream eventstore.Stream) (int64, error) {
	tags, err := parseEntityTags("If-Match", ifMatch)
	if err != nil {
		return 0, err
	}
	if !tags.present || tags.any {
		return eventstore.AnyVersion, nil
	}
	versions := tags.versions()
	switch len(versions) {
	case 0:
		return math.MaxInt64, nil // matches no stream
	case 1:
		return versions[0], nil
	}
	newest, err := s.Log.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{Backwards: true, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(newest) == 1 && slices.Contains(versions, newest[0].Version) {
		return newest[0].Version, nil
	}
	return slices.Max(versions), nil
}

// notModified checks the preconditions of a read against the tag of what would
// be answered. True means that the client has it already.
func notModified(ifMatch, ifNoneMatch, tag string) (bool, error) {
	match, err := parseEntityTags("If-Match", ifMatch)
	if err != nil {
		return false, err
	}
	if match.present && !match.any && !slices.Contains(match.strong, tag) {
		return false, preconditionFailed(tag)
	}
	none, err := parseEntityTags("If-None-Match", ifNoneMatch)
	if err != nil {
		return false, err
	}
	return none.holds(tag), nil
}

func preconditionFailed(tag string) error {
	return problem.New(problem.PreconditionFailed, "The version in If-Match is not the present one; the ETag header holds that.").
		WithHeader("ETag", tag)
}
