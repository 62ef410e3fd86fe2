package credentials

import (
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	passwordvalidator "github.com/wagslane/go-password-validator"
	"golang.org/x/text/unicode/norm"
)

const (
	minPasswordChars = 10
	maxPasswordChars = 256
	// minEntropy, in bits, lets 10 random letters of one case pass, and keeps out
	// what is long by repetition or by sequences of the alphabet or the keyboard.
	minEntropy = 45
	// minPersonal is how long a name must be to be looked for: the shortest are
	// in half of all words.
	minPersonal = 4
)

// breached holds the first bytes of the SHA-256 of passwords that are known to
// attackers, sorted. See breached_generate.go. One in some 38,000 good passwords
// is taken for one of them.
//
//go:embed breached.bin
var breached string

const breachedBytes = 4

// Problem is a reason to refuse a password.
type Problem struct{ Code, Message string }

// CheckPassword returns why a password is refused: nothing if it is good.
// personal are words that others know about its owner: names, the e-mail
// address.
func CheckPassword(password string, personal ...string) []Problem {
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return []Problem{{"not_text", "Use letters, digits, punctuation and spaces only."}}
	}
	switch chars := utf8.RuneCountInString(password); {
	case chars < minPasswordChars:
		return []Problem{{"too_short", "Use at least 10 characters."}}
	case chars > maxPasswordChars:
		return []Problem{{"too_long", "Use at most 256 characters."}}
	}
	password = norm.NFKC.String(password)
	lower := strings.ToLower(password)
	var problems []Problem
	if isBreached(lower) {
		problems = append(problems, Problem{"breached", "This password has leaked elsewhere and is in the lists that attackers try first."})
	}
	words := personalWords(personal)
	for _, word := range words {
		if strings.Contains(lower, word) {
			problems = append(problems, Problem{"personal", "Leave your name and e-mail address out of the password."})
			break
		}
	}
	if len(problems) > 0 {
		return problems
	}
	if passwordvalidator.GetEntropy(password) < minEntropy {
		return []Problem{{"weak", "This password is easy to guess. Use several unrelated words, or a longer one."}}
	}
	return nil
}

// isBreached looks a password in lower case up.
func isBreached(lower string) bool {
	sum := sha256.Sum256([]byte(lower))
	prefix := string(sum[:breachedBytes])
	at := func(i int) string { return breached[i*breachedBytes : (i+1)*breachedBytes] }
	n := len(breached) / breachedBytes
	i := sort.Search(n, func(i int) bool { return at(i) >= prefix })
	return i < n && at(i) == prefix
}

// personalWords returns the parts of names and addresses that are long enough
// to mean something; of an address only the local part, since many people share
// the domain.
func personalWords(personal []string) []string {
	var words []string
	for _, text := range personal {
		text, _, _ = strings.Cut(strings.ToLower(norm.NFKC.String(text)), "@")
		parts := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range append(parts, text) {
			if utf8.RuneCountInString(word) >= minPersonal {
				words = append(words, word)
			}
		}
	}
	return words
}
