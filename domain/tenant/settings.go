package tenant

import (
	"encoding/json"
	"fmt"
	"strings"

	"tansu.cloud/domain"
)

// Limits of a tenant's settings.
const (
	MaxSettingsBytes = 16 << 10 // encoded as JSON
	MaxSettingsDepth = 8        // objects and arrays within each other
)

// cleanSettings checks settings and returns them as JSON decodes them, so that
// equal settings compare equal whichever Go types they came in.
func cleanSettings(settings map[string]any) (map[string]any, []domain.FieldError) {
	if len(settings) == 0 {
		return map[string]any{}, nil
	}
	problem := func(code, format string, args ...any) (map[string]any, []domain.FieldError) {
		return nil, []domain.FieldError{{Field: "/settings", Code: code, Message: fmt.Sprintf(format, args...)}}
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		return problem("invalid_json", "cannot be written as JSON")
	}
	if len(encoded) > MaxSettingsBytes {
		return problem("too_long", "have %d bytes as JSON, at most %d are allowed", len(encoded), MaxSettingsBytes)
	}
	var clean map[string]any
	if err := json.Unmarshal(encoded, &clean); err != nil {
		return problem("invalid_json", "hold a number that is out of range")
	}
	if depth(clean) > MaxSettingsDepth {
		return problem("too_deep", "are nested deeper than %d levels", MaxSettingsDepth)
	}
	if hasNUL(clean) {
		return problem("invalid_characters", "must not contain NUL characters, in keys or in values")
	}
	return clean, nil
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			deepest = max(deepest, depth(child))
		}
	case []any:
		for _, child := range v {
			deepest = max(deepest, depth(child))
		}
	default:
		return 0
	}
	return deepest + 1
}

// hasNUL finds the one character that JSON can carry and a jsonb column of a
// read model cannot.
func hasNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case map[string]any:
		for key, child := range v {
			if hasNUL(key) || hasNUL(child) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if hasNUL(child) {
				return true
			}
		}
	}
	return false
}
