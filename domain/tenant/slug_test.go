package tenant_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"tansu.cloud/domain/tenant"
)

func TestCheckSlug(t *testing.T) {
	t.Parallel()
	for slug, code := range map[string]string{
		"a":                                    "",
		"7":                                    "",
		"acme-2":                               "",
		"a--b":                                 "",
		strings.Repeat("a", 63):                "",
		"":                                     "required",
		strings.Repeat("a", 64):                "too_long",
		"Acme":                                 "invalid_characters",
		"-a":                                   "invalid_characters",
		"a-":                                   "invalid_characters",
		"-":                                    "invalid_characters",
		"a.b":                                  "invalid_characters",
		"a_b":                                  "invalid_characters",
		"a b":                                  "invalid_characters",
		"größe":                                "invalid_characters",
		"а":                                    "invalid_characters", // Cyrillic
		"a\x00":                                "invalid_characters",
		"a\xff":                                "invalid_characters",
		"www":                                  "reserved",
		"api":                                  "reserved",
		"admin":                                "reserved",
		"system":                               "reserved",
		"xn--bcher-kva":                        "reserved",
		"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b": "reserved",
		"0190a1b2c3d47e5f8a9b0c1d2e3f4a5b":     "reserved",
		"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5":  "",
		"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g": "",
		"0190a1b2c-3d4-7e5f-8a9b-0c1d2e3f4a5b": "",
	} {
		got := tenant.CheckSlug(slug)
		if code == "" {
			require.Empty(t, got, "%q", slug)
			continue
		}
		require.Len(t, got, 1, "%q", slug)
		require.Equal(t, "/slug", got[0].Field)
		require.Equal(t, code, got[0].Code, "%q", slug)
	}
}

var (
	label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	ids   = regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
)

func FuzzCheckSlug(f *testing.F) {
	for _, seed := range []string{
		"acme", "", "-", "a-", "-a", "a--b", "www", "xn--a", strings.Repeat("a", 63), strings.Repeat("a", 64),
		"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b", "a\x00b", "a\xffb", "ａ", "A", "a.b", "../x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, slug string) {
		problems := tenant.CheckSlug(slug)
		if len(problems) == 0 {
			require.Regexp(t, label, slug)
			require.NotRegexp(t, ids, slug)
			return
		}
		require.Len(t, problems, 1)
		require.NotEmpty(t, problems[0].Message)
		if problems[0].Code != "reserved" {
			require.NotRegexp(t, label, slug)
		}
	})
}
