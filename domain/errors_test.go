package domain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"tansu.cloud/domain"
)

func TestErrorNamesCodeAndFields(t *testing.T) {
	t.Parallel()
	var err error = domain.Invalid("tenant.slug_invalid", "the command has invalid fields",
		domain.FieldError{Field: "/slug", Code: "reserved", Message: "is reserved"},
		domain.FieldError{Field: "/name", Code: "required", Message: "must not be empty"})
	require.EqualError(t, err,
		"tenant.slug_invalid: the command has invalid fields; /slug is reserved; /name must not be empty")

	var refusal *domain.Error
	require.True(t, errors.As(fmt.Errorf("wrapped: %w", err), &refusal))
	require.Equal(t, domain.KindInvalid, refusal.Kind)
}

func TestConstructorsSetTheKind(t *testing.T) {
	t.Parallel()
	require.Equal(t, domain.KindConflict, domain.Conflict("c", "m").Kind)
	require.Equal(t, domain.KindNotFound, domain.NotFound("c", "m").Kind)
	require.Equal(t, domain.KindForbidden, domain.Forbidden("c", "m").Kind)
}

func TestCheckLine(t *testing.T) {
	t.Parallel()
	for value, code := range map[string]string{
		"Acme":                  "",
		"Größe 漢字":              "",
		strings.Repeat("漢", 5):  "",
		strings.Repeat("x", 11): "too_long",
		"":                      "required",
		"two\nlines":            "invalid_characters",
		"nul\x00":               "invalid_characters",
		"c1\u0085":              "invalid_characters",
		"bad\xff":               "invalid_characters",
	} {
		requireCode(t, code, domain.CheckLine("/name", value, 10), value)
	}
}

func TestCheckReason(t *testing.T) {
	t.Parallel()
	requireCode(t, "", domain.CheckReason("two\nlines,\ttabbed", true), "several lines")
	requireCode(t, "", domain.CheckReason("  ", false), "optional")
	requireCode(t, "required", domain.CheckReason(" \n ", true), "blank")
	requireCode(t, "", domain.CheckReason(strings.Repeat("漢", domain.MaxReason), true), "longest")
	requireCode(t, "too_long", domain.CheckReason(strings.Repeat("x", domain.MaxReason+1), true), "too long")
	requireCode(t, "invalid_characters", domain.CheckReason("bell\a", true), "control character")
}

func requireCode(t *testing.T, code string, got []domain.FieldError, about string) {
	t.Helper()
	if code == "" {
		require.Empty(t, got, about)
		return
	}
	require.Len(t, got, 1, about)
	require.Equal(t, code, got[0].Code, about)
}
