package oidc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/permission"
)

func BenchmarkVerify(b *testing.B) {
	r := newRig(b)
	tenant, _ := r.someone()
	_, id, secret := r.serviceAccount(tenant, permission.Viewer)
	token := r.token(url.Values{"grant_type": {"client_credentials"}}, basic(id, secret)).ok()["access_token"].(string)
	b.ReportAllocs()
	for b.Loop() {
		_, err := r.provider.Verify(b.Context(), token)
		require.NoError(b, err)
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	r := newRig(b)
	tenant, _ := r.someone()
	_, id, secret := r.serviceAccount(tenant, permission.Viewer)
	auth := basic(id, secret)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			got := r.token(url.Values{"grant_type": {"client_credentials"}}, auth)
			require.Equal(b, http.StatusOK, got.status)
		}
	})
}

// BenchmarkRefresh follows one family, each token being exchanged for the next.
func BenchmarkRefresh(b *testing.B) {
	r := newRig(b)
	r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com").RefreshToken
	for b.Loop() {
		token = r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"tansu-cli"}}).ok()["refresh_token"].(string)
	}
}
