package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/acme"
)

// authority is a double of an ACME server: it speaks as much of RFC 8555 as an order
// of one name needs, and trusts signatures unseen. It does check challenges.
type authority struct {
	t         *testing.T
	url       string
	key       *ecdsa.PrivateKey
	root      *x509.Certificate
	challenge string // the kind it offers
	tls, http string // addresses at which it checks

	mu     sync.Mutex
	orders []*order
}

// order is one, with the id of its place in the list.
type order struct {
	domain, status string
	cert           []byte
}

func newAuthority(t *testing.T, challenge string) *authority {
	t.Helper()
	a := &authority{t: t, challenge: challenge}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.root, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *authority) ordered() (domains []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range a.orders {
		domains = append(domains, o.domain)
	}
	return domains
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var jws struct{ Payload string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &jws)
	payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	w.Header().Set("Replay-Nonce", fmt.Sprint(time.Now().UnixNano()))
	a.mu.Lock()
	defer a.mu.Unlock()
	step, id := r.URL.Path[1:], 0
	if at := strings.IndexByte(step, '/'); at >= 0 {
		_, _ = fmt.Sscan(step[at+1:], &id)
		step = step[:at]
	}
	var o *order
	if id < len(a.orders) {
		o = a.orders[id]
	}
	switch step {
	case "directory":
		a.answer(w, 200, map[string]string{"newNonce": a.url + "/nonce", "newAccount": a.url + "/account", "newOrder": a.url + "/new"})
	case "nonce":
	case "account":
		w.Header().Set("Location", a.url+"/account/1")
		a.answer(w, 201, map[string]string{"status": "valid"})
	case "new":
		var asked struct{ Identifiers []struct{ Value string } }
		_ = json.Unmarshal(payload, &asked)
		o = &order{domain: asked.Identifiers[0].Value, status: "pending"}
		id, a.orders = len(a.orders), append(a.orders, o)
		a.answerOrder(w, 201, id, o)
	case "order":
		a.answerOrder(w, 200, id, o)
	case "authorization", "challenge":
		if step == "challenge" && a.check(o.domain, id) {
			o.status = "ready"
		}
		status := map[string]string{"pending": "pending"}[o.status]
		if status == "" {
			status = "valid"
		}
		challenge := map[string]string{"type": a.challenge, "url": fmt.Sprintf("%s/challenge/%d", a.url, id), "token": fmt.Sprintf("token-%d", id), "status": status}
		if step == "challenge" {
			a.answer(w, 200, challenge)
			return
		}
		a.answer(w, 200, map[string]any{"status": status, "challenges": []any{challenge}, "identifier": map[string]string{"type": "dns", "value": o.domain}})
	case "finalize":
		a.sign(o, payload)
		a.answerOrder(w, 200, id, o)
	case "certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(o.cert)
	default:
		w.WriteHeader(404)
	}
}

func (a *authority) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *authority) answerOrder(w http.ResponseWriter, status, id int, o *order) {
	w.Header().Set("Location", fmt.Sprintf("%s/order/%d", a.url, id))
	shown := map[string]any{
		"status": o.status, "identifiers": []any{map[string]string{"type": "dns", "value": o.domain}},
		"authorizations": []string{fmt.Sprintf("%s/authorization/%d", a.url, id)}, "finalize": fmt.Sprintf("%s/finalize/%d", a.url, id),
	}
	if o.status == "valid" {
		shown["certificate"] = fmt.Sprintf("%s/certificate/%d", a.url, id)
	}
	a.answer(w, status, shown)
}

// check asks the server for the answer to a challenge, as the authority would.
func (a *authority) check(domain string, id int) bool {
	if a.challenge == "http-01" {
		request, err := http.NewRequest("GET", fmt.Sprintf("http://%s/.well-known/acme-challenge/token-%d", a.http, id), nil)
		if err != nil {
			return false
		}
		request.Host = domain
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		return err == nil && response.StatusCode == 200 && strings.HasPrefix(string(answer), fmt.Sprintf("token-%d.", id))
	}
	conn, err := tls.Dial("tcp", a.tls, &tls.Config{InsecureSkipVerify: true, ServerName: domain, NextProtos: []string{acme.ALPNProto}})
	if err != nil {
		return false
	}
	defer conn.Close()
	for _, extension := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) { // RFC 8737
			return true
		}
	}
	return false
}

func (a *authority) sign(o *order, payload []byte) {
	var asked struct{ CSR string }
	_ = json.Unmarshal(payload, &asked)
	raw, _ := base64.RawURLEncoding.DecodeString(asked.CSR)
	csr, err := x509.ParseCertificateRequest(raw)
	if err != nil || o.status != "ready" {
		return
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: csr.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, csr.PublicKey, a.key)
	if err != nil {
		return
	}
	o.status, o.cert = "valid", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
