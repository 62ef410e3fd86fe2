package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// signer is a server that reads a form and signs one ES256 token per request,
// for anybody.
type signer struct {
	url    string
	key    *ecdsa.PrivateKey
	server *http.Server
}

func serveSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &signer{url: "http://" + listener.Addr().String(), key: key}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *signer) stop() { _ = s.server.Close() }

func (s *signer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": s.url, "aud": s.url + "/v1", "sub": r.PostForm.Get("client_id"), "client_id": r.PostForm.Get("client_id"), "scope": "api",
		"jti": uuid.NewString(), "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "tenant_id": uuid.Nil, "roles": []string{"viewer"},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES256","typ":"at+jwt"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	x, y, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	signature := y.FillBytes(make([]byte, 64))
	x.FillBytes(signature[:32])
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"%s.%s","token_type":"Bearer","expires_in":600}`, signed, encode(signature))
}
