package tenant

import (
	"strings"

	"tansu.cloud/domain"
)

// MaxSlug is the longest slug: that of a DNS label.
const MaxSlug = 63

// reserved slugs would be mistaken for the platform's own sub-domains or for
// words with a meaning in paths and scripts.
var reserved = wordSet(`
	www api app admin administrator system root operator tansu platform console dashboard
	auth oauth oidc login logout signin signup register account accounts id identity sso
	docs help support status blog about legal security abuse billing
	static assets cdn media files objects s3 upload uploads download downloads
	mail smtp imap pop ftp sftp ssh dns ns ns1 ns2 mx
	ws wss websocket realtime events streams feeds webhooks graphql rest rpc
	internal public private local localhost health healthz livez readyz startupz metrics
	me self current new null undefined none all any default`)

// CheckSlug checks a slug: an RFC 1123 label in lower case that is neither
// reserved nor a UUID, because ids and slugs stand in the same place of a path.
// It returns no or one field error.
func CheckSlug(slug string) []domain.FieldError {
	problem := func(code, message string) []domain.FieldError {
		return []domain.FieldError{{Field: "/slug", Code: code, Message: message}}
	}
	switch {
	case slug == "":
		return problem("required", "must not be empty")
	case len(slug) > MaxSlug:
		return problem("too_long", "is longer than 63 characters")
	case strings.ContainsFunc(slug, notLabel):
		return problem("invalid_characters", "may hold lower-case letters a-z, digits and hyphens only")
	case slug[0] == '-' || slug[len(slug)-1] == '-':
		return problem("invalid_characters", "must start and end with a letter or digit")
	case reserved[slug] || strings.HasPrefix(slug, "xn--"):
		return problem("reserved", "is reserved; choose another one")
	case isUUID(slug):
		return problem("reserved", "must not have the form of a UUID")
	}
	return nil
}

func notLabel(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-')
}

// isUUID accepts both forms that fit into a label: 32 hexadecimal digits, and
// these in groups of 8-4-4-4-12.
func isUUID(slug string) bool {
	digits := slug
	if len(slug) == 36 && slug[8] == '-' && slug[13] == '-' && slug[18] == '-' && slug[23] == '-' {
		digits = slug[:8] + slug[9:13] + slug[14:18] + slug[19:23] + slug[24:]
	}
	return len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
