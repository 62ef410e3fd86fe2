package credentials_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/credentials"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"":                              "too_short",
		"Xk9#mQ2pL":                     "too_short",
		strings.Repeat("Xk9#mQ2p", 33):  "too_long",
		"line\nbreak and more":          "not_text",
		"not utf-8 \xff\xfe and more":   "not_text",
		"password123":                   "breached",
		"PassWord123":                   "breached",
		"qwertyuiop":                    "breached",
		"1q2w3e4r5t6y":                  "breached",
		"aaaaaaaaaaaaaaaa":              "breached",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaa":   "weak",
		"abcdefghijklmnopqr":            "weak",
		"abcdefghij1":                   "weak",
		"ada.lovelace plus seven trees": "personal",
		"lovelace plus seven trees":     "personal",
		"seven ADA LOVELACE trees":      "personal",
		"correct horse battery staple":  "",
		"Xk9#mQ2pLz":                    "",
		"seven adamant example trees":   "", // "ada" is too short to count, the domain is not hers
		"пять зелёных слонов танцуют": "",
		"春眠不覚暁処処聞啼鳥夜来風雨声":             "",
	} {
		problems := credentials.CheckPassword(password, "ada.lovelace@example.com", "Ada Lovelace")
		if want == "" {
			require.Empty(t, problems, password)
			continue
		}
		require.NotEmpty(t, problems, password)
		require.Equal(t, want, problems[0].Code, password)
		require.NotEmpty(t, problems[0].Message)
	}
}

func TestCheckPasswordTellsAllReasons(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, p := range credentials.CheckPassword("password123", "password@example.com") {
		codes = append(codes, p.Code)
	}
	require.Equal(t, []string{"breached", "personal"}, codes)
}

// TestCheckPasswordIsBounded: the longest and nastiest input takes no time that
// matters.
func TestCheckPasswordIsBounded(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for _, part := range []string{"a", "1", "p@$$w0rd", "qwerty", "19701970", "ab"} {
		long := strings.Repeat(part, 256)[:256]
		credentials.CheckPassword(long, strings.Repeat("name ", 50))
	}
	require.Less(t, time.Since(began), 20*time.Second)
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("correct horse battery staple", "ada@example.com")
	f.Add("İİİİİİİİİİİİ\u0301ǅ", "İ")
	f.Add("\xf0\x9f\x98\x80 1970-01-01 p@ssw0rd", "")
	f.Fuzz(func(t *testing.T, password, personal string) {
		for _, p := range credentials.CheckPassword(password, personal) {
			require.NotEmpty(t, p.Code)
		}
	})
}
