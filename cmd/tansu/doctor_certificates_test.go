package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/config"
)

func TestDoctorLooksAtCertificates(t *testing.T) {
	t.Parallel()
	files := func(left time.Duration) config.HTTP {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"tansu.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		require.NoError(t, err)
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		dir := t.TempDir()
		cfg := config.HTTP{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
		require.NoError(t, os.WriteFile(cfg.TLSCert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
		require.NoError(t, os.WriteFile(cfg.TLSKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
		return cfg
	}
	for left, status := range map[time.Duration]string{90 * 24 * time.Hour: statusOK, 24 * time.Hour: statusWarn, -time.Minute: statusFail} {
		found := checkCertificates(t.Context(), files(left))
		require.Len(t, found, 1)
		require.Equal(t, status, found[0].Status, found[0])
		require.Contains(t, found[0].Detail, "tansu.test")
	}
	require.Equal(t, statusFail, checkCertificates(t.Context(), config.HTTP{TLSCert: "/no/such", TLSKey: "/no/such"})[0].Status)
	require.Empty(t, checkCertificates(t.Context(), config.HTTP{}))

	authority := httptest.NewServer(http.StripPrefix("/dir", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	t.Cleanup(authority.Close)
	cfg := config.HTTP{Autocert: config.Autocert{Domains: "localhost,no.such.name.invalid", DirectoryURL: authority.URL + "/dir"}}
	found := checkCertificates(t.Context(), cfg)
	require.Equal(t, []string{statusFail, statusOK}, []string{found[0].Status, found[1].Status}, found)
	require.Contains(t, found[0].Detail, "no.such.name.invalid")
	require.NotContains(t, found[0].Detail, "localhost")
	cfg.Autocert = config.Autocert{Domains: "localhost", DirectoryURL: authority.URL + "/other"}
	found = checkCertificates(t.Context(), cfg)
	require.Equal(t, []string{statusOK, statusFail}, []string{found[0].Status, found[1].Status}, found)
}
