package client

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tansu.cloud/domain"
)

// checkURIs checks addresses to which a browser is sent back: https; http on the
// own machine; or a scheme of an application's own, which has a dot in it
// (RFC 8252). They are compared letter by letter later, so what could be read in
// two ways is refused.
func checkURIs(field string, uris []string) []domain.FieldError {
	if len(uris) > MaxRedirectURIs {
		return []domain.FieldError{{Field: field, Code: "too_many",
			Message: fmt.Sprintf("has %d addresses, at most %d are allowed", len(uris), MaxRedirectURIs)}}
	}
	var problems []domain.FieldError
	for i, uri := range uris {
		at := field + "/" + strconv.Itoa(i)
		if code, message := checkURI(uri); code != "" {
			problems = append(problems, domain.FieldError{Field: at, Code: code, Message: message})
		} else if slices.Contains(uris[:i], uri) {
			problems = append(problems, domain.FieldError{Field: at, Code: "repeated", Message: "is named twice; name it once"})
		}
	}
	return problems
}

// checkURI returns what is wrong with one address: a code and a message.
func checkURI(uri string) (code, message string) {
	switch {
	case uri == "":
		return "required", "must not be empty"
	case len(uri) > MaxURI:
		return "too_long", fmt.Sprintf("has %d bytes, at most %d are allowed", len(uri), MaxURI)
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return "invalid_characters", "must consist of visible ASCII characters without \\; encode others"
	case strings.Contains(uri, "*"):
		return "wildcard", "must not hold *: addresses are compared as they are"
	case strings.Contains(uri, "#"):
		return "fragment", "must not have a fragment (#)"
	}
	u, err := url.Parse(uri)
	if err != nil || u.Opaque != "" {
		return "malformed", "must be an address such as https://app.example.com/callback"
	}
	if u.User != nil {
		return "credentials", "must not hold a user or password"
	}
	switch {
	case u.Scheme == "https" && u.Hostname() != "":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http" && u.Hostname() != "":
		return "scheme", "must begin with https://; http:// is for 127.0.0.1, [::1] and localhost"
	case strings.Contains(u.Scheme, ".") && (u.Host != "" || u.Path != ""):
	default:
		return "scheme", "must begin with https://, http:// on the own machine, or a scheme of the application's own such as com.example.app:/"
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return "port", "must have a port from 1 to 65535, or none"
	}
	return "", ""
}

func isLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}
