package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tansu.cloud/platform/config"
)

const (
	shortCertificate = 14 * 24 * time.Hour
	authorityTimeout = 5 * time.Second
)

// checkCertificates looks at what the server speaks https with.
func checkCertificates(ctx context.Context, cfg config.HTTP) []finding {
	switch domains := cfg.Autocert.DomainList(); {
	case cfg.TLSCert != "":
		return []finding{checkCertificateFile(cfg)}
	case len(domains) > 0:
		return []finding{checkDomains(ctx, domains), checkAuthority(ctx, cfg.Autocert.DirectoryURL)}
	}
	return nil
}

func checkCertificateFile(cfg config.HTTP) finding {
	pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		return finding{"certificate", statusFail, err.Error(), "correct http.tls_cert and http.tls_key"}
	}
	f := finding{Check: "certificate", Status: statusOK, Detail: fmt.Sprintf("for %s until %s", strings.Join(leaf.DNSNames, ", "), leaf.NotAfter.UTC().Format(time.RFC3339))}
	switch left := time.Until(leaf.NotAfter); {
	case left <= 0:
		f.Status, f.Fix = statusFail, "it has expired; put a new one in its place, it is read within a minute"
	case left < shortCertificate:
		f.Status, f.Fix = statusWarn, "it expires soon; put a new one in its place, it is read within a minute"
	}
	return f
}

// checkDomains cannot see whether the names lead here: only the authority can,
// from outside.
func checkDomains(ctx context.Context, domains []string) finding {
	var unknown []string
	for _, domain := range domains {
		if _, err := net.DefaultResolver.LookupHost(ctx, domain); err != nil {
			unknown = append(unknown, domain)
		}
	}
	if len(unknown) > 0 {
		return finding{"autocert domains", statusFail, "no address is known for " + strings.Join(unknown, ", "),
			"add DNS records that lead to this server; the authority checks them on port 443, or 80 with http.autocert.plain_addr"}
	}
	return finding{Check: "autocert domains", Status: statusOK, Detail: strings.Join(domains, ", ")}
}

func checkAuthority(ctx context.Context, directory string) finding {
	ctx, cancel := context.WithTimeout(ctx, authorityTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, directory, nil)
	if err == nil {
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s answers %s", directory, response.Status)
			}
		}
	}
	if err != nil {
		return finding{"autocert authority", statusFail, err.Error(), "let this machine reach the authority, or correct http.autocert.directory_url"}
	}
	return finding{Check: "autocert authority", Status: statusOK, Detail: directory}
}
