package config

import (
	"log/slog"
	"net/url"
)

const redacted = "[redacted]"

// Secret is a setting that is never printed. What needs it calls Reveal.
type Secret string

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the value. Of a URL, such as a DSN, only the password is hidden.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme == "" || u.Host == "" && u.User == nil {
		return redacted
	}
	if _, ok := u.User.Password(); ok {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for _, name := range []string{"password", "sslpassword", "passfile"} {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// GoString, LogValue and MarshalText hide it from %#v, logs and encoders too.
func (s Secret) GoString() string             { return s.String() }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.String()) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
