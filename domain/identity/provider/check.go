package provider

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// Limits.
const (
	MaxPerTenant = 5
	MaxDomains   = 20
	MaxName      = 100 // characters
	MaxIssuer    = 500 // bytes
	MaxClientID  = 255 // characters
	MaxScopes    = 20
	MaxScope     = 100 // bytes
	MaxClaim     = 100 // bytes
	MaxAudience  = 255 // characters
	MaxMapping   = 100 // groups
	MaxGroup     = 255 // characters
)

// What a provider is asked for unless something else is said.
const DefaultGroupsClaim = "groups"

// DefaultScopes are asked for unless others are.
var DefaultScopes = []string{"openid", "email", "profile"}

// clean completes a profile and checks it.
func (p Profile) clean() (Profile, []domain.FieldError) {
	p.Name = strings.TrimSpace(p.Name)
	if len(p.Scopes) == 0 {
		p.Scopes = DefaultScopes
	}
	if p.GroupsClaim == "" {
		p.GroupsClaim = DefaultGroupsClaim
	}
	problems := domain.CheckLine("/name", p.Name, MaxName)
	problems = append(problems, domain.CheckLine("/client_id", p.ClientID, MaxClientID)...)
	problems = append(problems, checkScopes(p.Scopes)...)
	problems = append(problems, domain.CheckLine("/groups_claim", p.GroupsClaim, MaxClaim)...)
	problems = append(problems, checkAudience(p)...)
	problems = append(problems, checkMapping(p.Mapping)...)
	if n := len(p.Roles()); n > permission.MaxRoles {
		problems = append(problems, domain.FieldError{Field: "/mapping", Code: "too_many_roles",
			Message: fmt.Sprintf("names %d roles together with the default ones, at most %d are allowed", n, permission.MaxRoles)})
	}
	if len(p.DefaultRoles) > 0 {
		problems = append(problems, checkRoles("/default_roles", p.DefaultRoles)...)
	}
	p.Scopes, p.DefaultRoles = slices.Clone(p.Scopes), permission.Sorted(p.DefaultRoles)
	mapping := make([]GroupRoles, len(p.Mapping))
	for i, m := range p.Mapping {
		mapping[i] = GroupRoles{m.Group, permission.Sorted(m.Roles)}
	}
	p.Mapping = mapping
	return p, problems
}

// Roles lists all roles that a profile can give, sorted.
func (p Profile) Roles() []string {
	roles := slices.Clone(p.DefaultRoles)
	for _, m := range p.Mapping {
		roles = append(roles, m.Roles...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

func checkScopes(scopes []string) []domain.FieldError {
	if len(scopes) > MaxScopes {
		return []domain.FieldError{{Field: "/scopes", Code: "too_many", Message: fmt.Sprintf("names %d scopes, at most %d are allowed", len(scopes), MaxScopes)}}
	}
	var problems []domain.FieldError
	for i, scope := range scopes {
		at := "/scopes/" + strconv.Itoa(i)
		switch {
		case scope == "" || len(scope) > MaxScope || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
			problems = append(problems, domain.FieldError{Field: at, Code: "invalid_characters", Message: "must be 1 to 100 visible ASCII characters without quotes and backslashes"})
		case slices.Contains(scopes[:i], scope):
			problems = append(problems, domain.FieldError{Field: at, Code: "repeated", Message: "is named twice; name it once"})
		}
	}
	if !slices.Contains(scopes, "openid") {
		problems = append(problems, domain.FieldError{Field: "/scopes", Code: "openid_missing", Message: "must name openid, without which there is no ID token"})
	}
	return problems
}

// checkAudience refuses the client id too: ID tokens are for that, and they are no
// access tokens.
func checkAudience(p Profile) []domain.FieldError {
	switch p.APIAudience {
	case "":
		return nil
	case p.ClientID:
		return []domain.FieldError{{Field: "/api_audience", Code: "client_id", Message: "must not be the client id, which ID tokens are for; have the provider name this API otherwise"}}
	}
	return domain.CheckLine("/api_audience", p.APIAudience, MaxAudience)
}

func checkMapping(mapping []GroupRoles) []domain.FieldError {
	if len(mapping) > MaxMapping {
		return []domain.FieldError{{Field: "/mapping", Code: "too_many", Message: fmt.Sprintf("has %d groups, at most %d are allowed", len(mapping), MaxMapping)}}
	}
	var problems []domain.FieldError
	for i, m := range mapping {
		at := "/mapping/" + strconv.Itoa(i)
		problems = append(problems, domain.CheckLine(at+"/group", m.Group, MaxGroup)...)
		if slices.ContainsFunc(mapping[:i], func(other GroupRoles) bool { return other.Group == m.Group }) {
			problems = append(problems, domain.FieldError{Field: at + "/group", Code: "repeated", Message: "is named twice; give it all its roles once"})
		}
		problems = append(problems, checkRoles(at+"/roles", m.Roles)...)
	}
	return problems
}

// checkRoles refuses the role owner too: who answers for a tenant is not decided
// somewhere else.
func checkRoles(field string, roles []string) []domain.FieldError {
	problems := permission.CheckRoles(field, roles)
	if i := slices.Index(roles, permission.Owner); i >= 0 {
		problems = append(problems, domain.FieldError{Field: field + "/" + strconv.Itoa(i), Code: "owner",
			Message: "must not be owner, which only an owner gives by hand"})
	}
	return problems
}

// checkIssuer checks what can be known about an issuer without asking it.
func checkIssuer(issuer string, plainHTTP bool) []domain.FieldError {
	problem := func(code, message string) []domain.FieldError {
		return []domain.FieldError{{Field: "/issuer", Code: code, Message: message}}
	}
	switch {
	case issuer == "":
		return problem("required", "must not be empty")
	case len(issuer) > MaxIssuer:
		return problem("too_long", fmt.Sprintf("has %d bytes, at most %d are allowed", len(issuer), MaxIssuer))
	case strings.ContainsFunc(issuer, func(r rune) bool { return r <= ' ' || r > '~' }):
		return problem("invalid_characters", "must consist of visible ASCII characters")
	}
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return problem("malformed", "must be an address such as https://login.example.com/realms/staff")
	case u.Scheme != "https" && (u.Scheme != "http" || !plainHTTP):
		return problem("scheme", "must begin with https://")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(issuer, "#"):
		return problem("malformed", "must have no user, query or fragment")
	}
	return nil
}

// publicDomains are those of e-mail services for everybody, where an address says
// nothing about whom somebody works for.
var publicDomains = []string{
	"126.com", "163.com", "aol.com", "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com",
	"hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr", "icloud.com", "laposte.net", "libero.it", "live.com", "mac.com", "mail.com",
	"mail.ru", "me.com", "msn.com", "naver.com", "orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de", "proton.me", "protonmail.com",
	"qq.com", "seznam.cz", "t-online.de", "tutanota.com", "wanadoo.fr", "web.de", "wp.pl", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com",
	"yahoo.de", "yahoo.fr", "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
}

// NormaliseDomain returns the form of an e-mail domain in which it is compared
// and stored. It must be one that a tenant can have for itself.
func NormaliseDomain(name string) (string, []domain.FieldError) {
	problem := func(code, message string) (string, []domain.FieldError) {
		return "", []domain.FieldError{{Field: "/domain", Code: code, Message: message}}
	}
	name = strings.ToLower(strings.TrimSpace(name))
	address, wrong := user.NormaliseEmail("x@" + name)
	switch {
	case name == "":
		return problem("required", "must not be empty")
	case strings.ContainsFunc(name, func(r rune) bool { return r > '~' }):
		return problem("invalid_characters", "must be in the form that name servers know, which begins with xn-- for letters beyond ASCII")
	case len(wrong) > 0 || !strings.Contains(name, ".") || !strings.ContainsFunc(name[strings.LastIndex(name, ".")+1:], isLetter):
		return problem("malformed", "must be a domain such as example.com")
	case slices.Contains(publicDomains, name):
		return problem("public", "belongs to an e-mail service for everybody; only a domain of one's own can be verified")
	}
	return strings.TrimPrefix(address, "x@"), nil
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' }

// DomainOf returns the domain of a normalised e-mail address.
func DomainOf(email string) string { return email[strings.LastIndex(email, "@")+1:] }
