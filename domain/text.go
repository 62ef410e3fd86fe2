package domain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxReason is the most characters of a reason.
const MaxReason = 500

// CheckLine checks a required text of one line. It returns no or one field
// error, as all checks of a field do.
func CheckLine(field, value string, max int) []FieldError {
	return checkText(field, value, true, max, unicode.IsControl)
}

// CheckReason checks the reason given for a command; it may have several lines.
func CheckReason(reason string, required bool) []FieldError {
	return checkText("/reason", strings.TrimSpace(reason), required, MaxReason, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r)
	})
}

func checkText(field, value string, required bool, max int, refused func(rune) bool) []FieldError {
	length := utf8.RuneCountInString(value)
	switch {
	case length == 0 && required:
		return []FieldError{{field, "required", "must not be empty"}}
	case length > max:
		return []FieldError{{field, "too_long", fmt.Sprintf("has %d characters, at most %d are allowed", length, max)}}
	case !utf8.ValidString(value):
		return []FieldError{{field, "invalid_characters", "must be valid UTF-8"}}
	case strings.ContainsFunc(value, refused):
		return []FieldError{{field, "invalid_characters", "must not contain control characters"}}
	}
	return nil
}
