package space

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// Limits of the origins of a tenant.
const (
	MaxOrigins = 20
	maxOrigin  = 270 // characters: a scheme, a host name of the longest kind, a port
)

// ChangeOrigins replaces the origins whose pages may use the tenant. None at all
// leaves it to those of the installation.
type ChangeOrigins struct {
	Origins []string
	At      time.Time
}

func (ChangeOrigins) spaceCommand() {}

// OriginsChanged: pages of these origins may use the tenant, sorted.
type OriginsChanged struct {
	Origins []string  `json:"origins"`
	At      time.Time `json:"at"`
}

// EventType implements Event.
func (OriginsChanged) EventType() string { return "space.origins_changed" }

// SchemaVersion implements Event.
func (OriginsChanged) SchemaVersion() int { return 1 }
func (OriginsChanged) spaceEvent()        {}

func changeOrigins(s State, c ChangeOrigins) ([]Event, error) {
	if problems := checkOrigins(c.Origins); len(problems) > 0 {
		return nil, domain.Invalid("space.origins_invalid", "an origin is not as browsers send it", problems...)
	}
	sorted := append([]string{}, c.Origins...)
	slices.Sort(sorted)
	if slices.Equal(sorted, s.Origins) {
		return nil, nil
	}
	return []Event{OriginsChanged{sorted, c.At}}, nil
}

func checkOrigins(origins []string) (problems []domain.FieldError) {
	if len(origins) > MaxOrigins {
		return []domain.FieldError{{Field: "/origins", Code: "too_many",
			Message: fmt.Sprintf("names %d origins, at most %d are allowed", len(origins), MaxOrigins)}}
	}
	for i, origin := range origins {
		at := "/origins/" + strconv.Itoa(i)
		switch {
		case !IsOrigin(origin):
			problems = append(problems, domain.FieldError{Field: at, Code: "origin",
				Message: "must be an origin such as https://app.example.com or https://app.example.com:8443, in lower case, without a path, a default port or *; http:// is for localhost only"})
		case slices.Contains(origins[:i], origin):
			problems = append(problems, domain.FieldError{Field: at, Code: "repeated", Message: "is named twice; name it once"})
		}
	}
	return problems
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsOrigin reports whether a text is an origin that a tenant can name, exactly as
// browsers write it in the header Origin; whatever is written differently never
// matches. Plain http is for machines whose line nobody can listen to.
func IsOrigin(text string) bool {
	if len(text) > maxOrigin {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != text || strings.ContainsAny(u.Host, "@%") {
		return false
	}
	loopback, sound := checkHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
	return sound && soundPort(u) && (u.Scheme == "https" || u.Scheme == "http" && loopback)
}

func checkHost(host string, bracketed bool) (loopback, sound bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback(), ip.String() == host && ip.Is6() == bracketed
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if _, err := strconv.Atoi(last); err == nil || bracketed {
		return false, false // browsers take it for an address
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost"), len(host) <= 253 && hostName.MatchString(host)
}

func soundPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	standard := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port && port != standard
}
