package user

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tansu.cloud/domain"
)

// Limits of an e-mail address, in bytes (RFC 5321).
const (
	MaxEmail     = 254
	maxLocalPart = 64
	maxLabel     = 63
)

// NormaliseEmail returns the form of an e-mail address in which it is compared
// and stored: without space around it, in lower case. Letters beyond ASCII are
// allowed on both sides (RFC 6531), quoted local parts and address literals are
// not.
func NormaliseEmail(email string) (string, []domain.FieldError) {
	problem := func(code, message string) (string, []domain.FieldError) {
		return "", []domain.FieldError{{Field: "/email", Code: code, Message: message}}
	}
	email = strings.TrimSpace(email)
	if email == "" {
		return problem("required", "must not be empty")
	}
	if !utf8.ValidString(email) {
		return problem("invalid_characters", "must be valid UTF-8")
	}
	email = strings.ToLower(email)
	local, host, found := strings.Cut(email, "@")
	switch {
	case len(email) > MaxEmail || len(local) > maxLocalPart:
		return problem("too_long", "is longer than 254 bytes, or than 64 before the @")
	case !found || strings.Contains(host, "@"):
		return problem("malformed", "must be an address such as ada@example.com, with one @")
	case strings.ContainsFunc(local, notLocal) || !dotted(local):
		return problem("malformed", "must have letters, digits and single dots before the @; quotes and spaces are not supported")
	case !isHost(host):
		return problem("malformed", "must have a domain such as example.com after the @")
	}
	return email, nil
}

// notLocal refuses what RFC 5322 does not allow in a dot-atom.
func notLocal(r rune) bool {
	if r >= utf8.RuneSelf {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
}

// dotted reports whether every part between the dots has something in it.
func dotted(s string) bool {
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

func isHost(host string) bool {
	if !dotted(host) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notLabel) {
			return false
		}
	}
	return true
}

func notLabel(r rune) bool {
	if r >= utf8.RuneSelf {
		return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number)
	}
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-')
}
