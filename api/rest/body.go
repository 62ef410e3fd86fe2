package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
)

const (
	// maxDepth of a body. Routes set narrower rules; this one keeps decoding cheap.
	maxDepth = 64
	// bodyTime is how long a body may take to arrive.
	bodyTime = 15 * time.Second
)

// readBody takes in the body of a command, checks it strictly and puts it back
// for the route to decode. It returns its canonical form: keys sorted, no white
// space, so that a repeated request is recognised however it was formatted.
func (s *server) readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	// Not every ResponseWriter has deadlines (those of tests have none). The
	// deadline is lifted again: left in place it would end the request.
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(r.Body)
	_ = deadline.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", middleware.TooLarge(tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", problem.New(problem.BodyTimeout, "The body did not arrive in time.")
	case err != nil:
		return "", problem.New(problem.MalformedJSON, "The body did not arrive whole.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		return "", nil
	}
	if err := checkMediaType(r.Header); err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	return canonicalJSON(body)
}

func checkMediaType(h http.Header) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return problem.New(problem.UnsupportedMediaType, "Send the body without Content-Encoding.")
	}
	given := h.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(given)
	if err != nil || media != "application/json" || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return problem.New(problem.UnsupportedMediaType, "Send Content-Type: application/json (UTF-8).").
			WithHeader("Accept-Post", "application/json")
	}
	return nil
}

// canonicalJSON accepts one JSON value and nothing that two parsers could read
// differently: broken UTF-8, NUL, repeated keys, deep nesting.
func canonicalJSON(body []byte) (string, error) {
	if !utf8.Valid(body) {
		return "", malformedJSON("The body must be UTF-8.")
	}
	d := strictDecoder{json.NewDecoder(bytes.NewReader(body))}
	d.UseNumber()
	value, err := d.value(0)
	if err == nil {
		if _, after := d.Token(); after != io.EOF {
			err = malformedJSON("The body holds more than one JSON value.")
		}
	}
	if err != nil {
		var p *problem.Problem
		if errors.As(err, &p) {
			return "", err
		}
		return "", malformedJSON(fmt.Sprintf("The body is not valid JSON near byte %d.", d.InputOffset()))
	}
	canonical, err := json.Marshal(value)
	if err != nil {
		return "", malformedJSON("The body is not valid JSON.")
	}
	return string(canonical), nil
}

type strictDecoder struct{ *json.Decoder }

func (d strictDecoder) value(depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case string:
		return token, checkNUL(token)
	case json.Delim:
		if depth == maxDepth {
			return nil, malformedJSON(fmt.Sprintf("The body is nested deeper than %d levels.", maxDepth))
		}
		if token == '{' {
			return d.object(depth)
		}
		return d.array(depth)
	}
	return token, nil
}

func (d strictDecoder) object(depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // Token has checked
		if err := checkNUL(name); err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, malformedJSON("The body has an object in which a key is repeated.")
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

func (d strictDecoder) array(depth int) (any, error) {
	array := []any{}
	for d.More() {
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token()
	return array, err
}

func checkNUL(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return malformedJSON("The body has a NUL character in a text.")
	}
	return nil
}

func malformedJSON(detail string) error { return problem.New(problem.MalformedJSON, detail) }
