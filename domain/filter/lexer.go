package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// symbol is what a token is: an operator or bracket by its own text, or one of
// those below.
type symbol string

const (
	end        symbol = "the end"
	nameToken  symbol = "a field"
	textToken  symbol = "a text"
	numerToken symbol = "a number"
)

type token struct {
	symbol symbol
	offset int
	text   string // the name, the number as written, or the text without quotes
}

// String names the token in messages.
func (t token) String() string {
	switch t.symbol {
	case end:
		return string(end)
	case textToken:
		return "a text"
	case nameToken, numerToken:
		return strconv.Quote(t.text)
	}
	return strconv.Quote(string(t.symbol))
}

// operators by length: the longest counts.
var operators = [...]symbol{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ","}

// mistakes are habits from other languages, with what is meant here.
var mistakes = [...]struct{ written, meant string }{
	{"=", "=="}, {"&", "&&"}, {"|", "||"},
}

// words that are operators elsewhere.
var words = map[string]string{"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!", "IN": "in"}

type lexer struct {
	text string
	at   int
}

func (l *lexer) next() (token, error) {
	l.at = len(l.text) - len(strings.TrimLeft(l.text[l.at:], " \t\r\n"))
	rest, start := l.text[l.at:], l.at
	if rest == "" {
		return token{symbol: end, offset: start}, nil
	}
	if strings.HasPrefix(rest, "<>") {
		return token{}, wrong(start, `"<>" is not an operator; use "!="`)
	}
	for _, o := range operators {
		if strings.HasPrefix(rest, string(o)) {
			l.at += len(o)
			return token{symbol: o, offset: start}, nil
		}
	}
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case first == '"' || first == '\'':
		return l.quoted()
	case first == '-' || first >= '0' && first <= '9':
		return l.number()
	case first == '@' || nameBegins(first):
		return l.name()
	}
	for _, m := range mistakes {
		if strings.HasPrefix(rest, m.written) {
			return token{}, wrong(start, "%q is not an operator; use %q", m.written, m.meant)
		}
	}
	return token{}, wrong(start, "%q cannot stand here; texts belong in quotes", first)
}

func nameBegins(r rune) bool { return r == '_' || unicode.IsLetter(r) }
func nameGoesOn(r rune) bool { return nameBegins(r) || unicode.IsDigit(r) }

// name reads a whole path.
func (l *lexer) name() (token, error) {
	start := l.at
	if l.text[l.at] == '@' {
		l.at++
	}
	for {
		length := strings.IndexFunc(l.text[l.at:], func(r rune) bool { return !nameGoesOn(r) })
		if length < 0 {
			length = len(l.text) - l.at
		}
		if length == 0 {
			return token{}, wrong(l.at, `a name of letters, digits and "_" is missing`)
		}
		l.at += length
		if l.at == len(l.text) || l.text[l.at] != '.' {
			break
		}
		l.at++
	}
	t := token{symbol: nameToken, offset: start, text: l.text[start:l.at]}
	if t.text == "in" {
		return token{symbol: "in", offset: start}, nil
	}
	if meant, found := words[t.text]; found {
		return token{}, wrong(start, "%q is not an operator; use %q", t.text, meant)
	}
	return t, nil
}

// number reads a number as JSON writes it.
func (l *lexer) number() (token, error) {
	start := l.at
	digits := func() (n int) {
		for l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9' {
			l.at, n = l.at+1, n+1
		}
		return n
	}
	has := func(any string) bool {
		found := l.at < len(l.text) && strings.IndexByte(any, l.text[l.at]) >= 0
		if found {
			l.at++
		}
		return found
	}
	has("-")
	whole := l.at
	if n := digits(); n == 0 {
		return token{}, wrong(l.at, "a digit is missing")
	} else if n > 1 && l.text[whole] == '0' {
		return token{}, wrong(whole, "a number has no leading zeros; put a text into quotes")
	}
	if has(".") && digits() == 0 {
		return token{}, wrong(l.at, "a digit is missing after the decimal point")
	}
	if has("eE") {
		if has("+-"); digits() == 0 {
			return token{}, wrong(l.at, "a digit is missing in the exponent")
		}
	}
	if next, _ := utf8.DecodeRuneInString(l.text[l.at:]); l.at < len(l.text) && (nameGoesOn(next) || next == '.') {
		return token{}, wrong(l.at, "%q cannot follow a number; put a text into quotes", next)
	}
	t := token{symbol: numerToken, offset: start, text: l.text[start:l.at]}
	if _, err := strconv.ParseFloat(t.text, 64); err != nil {
		return token{}, wrong(start, "the number is too large")
	}
	return t, nil
}

// quoted reads a text and its escapes.
func (l *lexer) quoted() (token, error) {
	start, mark := l.at, l.text[l.at]
	var b strings.Builder
	for l.at++; l.at < len(l.text); {
		c := l.text[l.at]
		switch {
		case c == mark:
			l.at++
			return token{symbol: textToken, offset: start, text: b.String()}, nil
		case c == '\\':
			r, err := l.escape()
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	return token{}, wrong(start, "the text that begins here has no closing quote")
}

var escapes = map[byte]rune{
	'"': '"', '\'': '\'', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads what a backslash begins. Beyond the Basic Multilingual Plane
// JSON writes a pair of surrogates.
func (l *lexer) escape() (rune, error) {
	start := l.at
	l.at++
	if l.at < len(l.text) {
		if r, found := escapes[l.text[l.at]]; found {
			l.at++
			return r, nil
		}
	}
	r, found := l.unicode()
	if !found {
		return 0, wrong(start, `this is not an escape; write \\ for a backslash, and \n, \r, \t, \b, \f, \/, \', \" or \u with four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if strings.HasPrefix(l.text[l.at:], `\u`) {
		l.at++
		if second, found := l.unicode(); found {
			if r = utf16.DecodeRune(r, second); r != unicode.ReplacementChar {
				return r, nil
			}
		}
	}
	return 0, wrong(start, "this is half a character; write the character itself, or both its surrogates")
}

// unicode reads a "u" and four hexadecimal digits.
func (l *lexer) unicode() (rune, bool) {
	if len(l.text)-l.at < 5 || l.text[l.at] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(l.text[l.at+1:l.at+5], 16, 16)
	l.at += 5
	return rune(code), err == nil
}
