package webhook

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"tansu.cloud/domain"
)

// Limits of what a webhook selects and where it sends that.
const (
	MaxURL         = 2_000 // bytes
	MaxTopics      = 50
	MaxTopicField  = 255   // bytes
	MaxFilter      = 2_000 // bytes
	MaxDescription = 500   // characters
)

// Target is where a webhook sends what.
type Target struct {
	URL         string
	Description string
	Topics      []Topic // an event is selected if one of them selects it; none: all events
	Filter      string  // what an event must satisfy as well; whoever sends the command has parsed it
	PlainHTTP   bool    // http is allowed besides https
}

func (t Target) check() []domain.FieldError {
	problems := checkURL(t.URL, t.PlainHTTP)
	if t.Description != "" {
		problems = append(problems, domain.CheckLine("/description", t.Description, MaxDescription)...)
	}
	problems = append(problems, checkTopics(t.Topics)...)
	switch {
	case len(t.Filter) > MaxFilter:
		problems = append(problems, tooLong("/filter", len(t.Filter), MaxFilter))
	case !utf8.ValidString(t.Filter) || strings.ContainsRune(t.Filter, 0):
		problems = append(problems, domain.FieldError{Field: "/filter", Code: "invalid_characters", Message: "must be UTF-8 without NUL"})
	}
	return problems
}

// checkURL checks what can be known about an address without looking it up.
// Whether it may be reached is decided when it is connected to.
func checkURL(text string, plainHTTP bool) []domain.FieldError {
	problem := func(code, message string) []domain.FieldError {
		return []domain.FieldError{{Field: "/url", Code: code, Message: message}}
	}
	switch {
	case text == "":
		return problem("required", "must not be empty")
	case len(text) > MaxURL:
		return []domain.FieldError{tooLong("/url", len(text), MaxURL)}
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return problem("invalid_characters", "must consist of visible ASCII characters; encode others")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return problem("malformed", "must be an address such as https://example.com/hooks")
	case u.Scheme != "https" && (u.Scheme != "http" || !plainHTTP):
		return problem("scheme", "must begin with https://")
	case u.User != nil:
		return problem("credentials", "must not hold a user or password; deliveries are signed instead")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return problem("fragment", "must not have a fragment (#), which is never sent")
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return problem("port", "must have a port from 1 to 65535, or none")
	}
	return nil
}

func checkTopics(topics []Topic) []domain.FieldError {
	if len(topics) > MaxTopics {
		return []domain.FieldError{{Field: "/topics", Code: "too_many",
			Message: fmt.Sprintf("has %d topics, at most %d are allowed", len(topics), MaxTopics)}}
	}
	var problems []domain.FieldError
	for i, t := range topics {
		at := "/topics/" + strconv.Itoa(i)
		if t == (Topic{}) {
			problems = append(problems, domain.FieldError{Field: at, Code: "required",
				Message: "must have a field; leave all topics out to select every event"})
		}
		for _, field := range [][2]string{{"/stream_type", t.StreamType}, {"/stream_id", t.StreamID}, {"/type", t.Type}, {"/actor", t.Actor}} {
			switch value := field[1]; {
			case value == "":
			case len(value) > MaxTopicField:
				problems = append(problems, tooLong(at+field[0], len(value), MaxTopicField))
			default:
				problems = append(problems, domain.CheckLine(at+field[0], value, MaxTopicField)...)
			}
		}
	}
	return problems
}

func tooLong(field string, has, max int) domain.FieldError {
	return domain.FieldError{Field: field, Code: "too_long", Message: fmt.Sprintf("has %d bytes, at most %d are allowed", has, max)}
}
