// Package certificate serves TLS: with a certificate from files that are exchanged
// while the process runs, as ACME clients and secret stores do; or with certificates
// that it gets by ACME itself.
package certificate

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is how often a handshake looks whether the files have changed.
const checkEvery = time.Minute

// Server returns settings for a server with the certificate in two PEM files.
func Server(certFile, keyFile string, logger *slog.Logger) *tls.Config {
	return (&pair{certFile: certFile, keyFile: keyFile, logger: logger, now: time.Now}).server()
}

// pair is the certificate and the key that belongs to it.
type pair struct {
	certFile, keyFile string
	logger            *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate // nil: never read
	read    string           // states of the files that it was read from
	checked time.Time
}

func (p *pair) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.get()
		},
	}
}

// get returns the certificate. One that cannot be read, perhaps because only one
// of the files is exchanged yet, leaves the one before in use.
func (p *pair) get() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.current != nil && now.Sub(p.checked) < checkEvery {
		return p.current, nil
	}
	p.checked = now
	if err := p.load(); err != nil {
		if p.current == nil {
			return nil, err
		}
		p.logger.Error("the TLS certificate cannot be read again; the one before stays in use", "error", err)
	}
	return p.current, nil
}

func (p *pair) load() error {
	state, err := p.state()
	if err != nil || state == p.read {
		return err
	}
	read, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return err
	}
	if p.current != nil {
		p.logger.Info("the TLS certificate was exchanged", "not_after", read.Leaf.NotAfter)
	}
	p.current, p.read = &read, state
	return nil
}

// state changes with the files.
func (p *pair) state() (string, error) {
	state := ""
	for _, name := range []string{p.certFile, p.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		state += fmt.Sprintf("%d bytes of %d;", info.Size(), info.ModTime().UnixNano())
	}
	return state, nil
}
