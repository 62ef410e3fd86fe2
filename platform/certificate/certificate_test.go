package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rig is a server with a certificate in files and a clock that stands still.
type rig struct {
	pair *pair
	addr string
	at   time.Time
	log  bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{at: time.Now()}
	r.pair = &pair{
		certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem"),
		logger: slog.New(slog.NewTextHandler(&r.log, nil)), now: func() time.Time { return r.at },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.addr = listener.Addr().String()
	server := &http.Server{
		TLSConfig: r.pair.server(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return r
}

// write puts a new certificate with a serial number in place.
func (r *rig) write(t *testing.T, serial int64, files ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"tansu.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	content := map[string][]byte{
		r.pair.certFile: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		r.pair.keyFile:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
	if files == nil {
		files = []string{r.pair.certFile, r.pair.keyFile}
	}
	for _, name := range files {
		require.NoError(t, os.WriteFile(name, content[name], 0o600))
		stamp := time.Unix(1_700_000_000+serial, 0) // file systems may round
		require.NoError(t, os.Chtimes(name, stamp, stamp))
	}
}

// serial is the certificate that a new connection gets.
func (r *rig) serial(t *testing.T, max uint16) (serial int64, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: max}}
	conn, err := dialer.DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func (r *rig) requireSerial(t *testing.T, want int64) {
	t.Helper()
	got, err := r.serial(t, tls.VersionTLS13)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestTheCertificateIsExchangedWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.serial(t, tls.VersionTLS13)
	require.Error(t, err, "there is none yet")
	r.write(t, 1)
	r.requireSerial(t, 1)

	r.write(t, 2)
	r.at = r.at.Add(checkEvery - time.Second)
	r.requireSerial(t, 1)
	r.at = r.at.Add(time.Second)
	r.requireSerial(t, 2)

	r.write(t, 3, r.pair.certFile) // the key comes later
	r.at = r.at.Add(checkEvery)
	r.requireSerial(t, 2)
	require.Contains(t, r.log.String(), "stays in use")
	r.write(t, 4)
	r.at = r.at.Add(checkEvery)
	r.requireSerial(t, 4)

	require.NoError(t, os.Remove(r.pair.certFile))
	r.at = r.at.Add(checkEvery)
	r.requireSerial(t, 4)
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(t, 1)
	_, err := r.serial(t, tls.VersionTLS12)
	require.NoError(t, err)
	_, err = r.serial(t, tls.VersionTLS11)
	require.Error(t, err)

	roots := x509.NewCertPool()
	content, err := os.ReadFile(r.pair.certFile)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(content))
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "tansu.test"}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+r.addr, nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", string(body))
}
