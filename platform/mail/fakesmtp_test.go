package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// delivery is what a fake server was given in one connection.
type delivery struct {
	from, to, auth string
	encrypted      bool
	data           string
}

// fakeSMTP is a mail server of one's own, on a socket.
type fakeSMTP struct {
	listener   net.Listener
	tls        *tls.Config
	roots      *x509.CertPool
	startTLS   bool // offers STARTTLS
	refuse     string
	deliveries chan delivery
}

// startFakeSMTP starts one; implicit is smtps.
func startFakeSMTP(t *testing.T, implicit bool, configure func(*fakeSMTP)) *fakeSMTP {
	t.Helper()
	f := &fakeSMTP{deliveries: make(chan delivery, 10)}
	f.tls, f.roots = certificate(t)
	if configure != nil {
		configure(f)
	}
	var err error
	f.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if implicit {
		f.listener = tls.NewListener(f.listener, f.tls)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.serve(conn, implicit)
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, f.listener.Close())
		<-done
	})
	return f
}

func (f *fakeSMTP) address() string { return f.listener.Addr().String() }

func (f *fakeSMTP) serve(conn net.Conn, encrypted bool) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	got := delivery{encrypted: encrypted}
	lines := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { _, _ = fmt.Fprint(conn, text+"\r\n") }
	say("220 fake ESMTP")
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-fake")
			if f.startTLS && !got.encrypted {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			secure := tls.Server(conn, f.tls)
			if secure.Handshake() != nil {
				return
			}
			conn, got.encrypted = secure, true
			lines = textproto.NewReader(bufio.NewReader(conn))
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			got.auth = strings.ReplaceAll(string(raw), "\x00", "|")
			if got.auth != "|ada|s3cret:@/" {
				say("535 5.7.8 no")
				continue
			}
			say("235 welcome")
		case "MAIL":
			got.from = rest
			say("250 ok")
		case "RCPT":
			if f.refuse != "" {
				say(f.refuse)
				continue
			}
			got.to = rest
			say("250 ok")
		case "DATA":
			say("354 go on")
			data, err := lines.ReadDotBytes()
			if err != nil {
				return
			}
			got.data = string(data)
			f.deliveries <- got
			say("250 taken")
		case "NOOP", "RSET":
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

// certificate makes one for 127.0.0.1 that is its own root.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fake"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
