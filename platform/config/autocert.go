package config

import (
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkAutocert: names that an authority can check, one by one.
func (h HTTP) checkAutocert() string {
	domains := h.Autocert.DomainList()
	for i, domain := range domains {
		if fault := checkDomain(domain); fault != "" {
			return fault
		}
		if net.ParseIP(domain) != nil || !strings.Contains(domain, ".") {
			return strconv.Quote(domain) + " is not a name that a public authority knows"
		}
		if slices.Contains(domains[:i], domain) {
			return strconv.Quote(domain) + " is named twice"
		}
	}
	switch {
	case len(domains) == 0:
		return ""
	case h.TLSCert != "" || h.TLSKey != "":
		return "cannot be used together with http.tls_cert (TANSU_HTTP_TLS_CERT); choose one"
	case !h.Autocert.AcceptTerms:
		return "needs http.autocert.accept_terms=true (TANSU_HTTP_AUTOCERT_ACCEPT_TERMS): read the terms of the authority first"
	}
	return ""
}

func checkEmail(address string) string {
	if address == "" {
		return ""
	}
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
		return "must be a mail address such as admin@example.com"
	}
	return ""
}

func checkDirectory(directory string) string {
	if u, err := url.Parse(directory); err != nil || u.Host == "" || u.Scheme != "https" || u.User != nil {
		return strconv.Quote(directory) + " is not a URL such as https://acme-v02.api.letsencrypt.org/directory"
	}
	return ""
}

func (h HTTP) checkPlainAddr() string {
	addr := h.Autocert.PlainAddr
	switch {
	case addr == "":
		return ""
	case h.Autocert.Domains == "":
		return both("http.autocert.domains", addr, "")
	case addr == h.Addr:
		return "is http.addr, where https is spoken; choose another port"
	}
	return checkAddr(addr)
}
