package rest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/eventstore"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("other")
	hash := r.send("GET", "/v1/events/2", "").ok(200)["hash"].(string)
	require.Equal(t, map[string]any{
		"ok": true, "tenant_id": uuid.Nil.String(), "events": 2.0, "head_position": 2.0, "head_hash": hash,
	}, r.send("GET", "/v1/audit/verify", "").ok(200))
	require.Equal(t, true, r.send("GET", "/v1/audit/verify?position=2&hash="+hash, "").ok(200)["ok"])

	cut := r.send("GET", "/v1/audit/verify?position=9&hash="+hash, "").ok(200)
	require.Equal(t, false, cut["ok"])
	require.EqualValues(t, 3, cut["first_bad_position"])
	require.Contains(t, cut["problem"], "cut")
	r.send("GET", "/v1/audit/verify?position=2", "").problem(422, "validation_failed")
	r.send("GET", "/v1/audit/verify?hash="+hash, "").problem(422, "validation_failed")
	r.send("GET", "/v1/audit/verify?position=2&hash=xyz", "").problem(422, "validation_failed")
}

func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme := r.tenant("acme")
	r.otherLog(acme)
	a := r.send("GET", "/v1/audit/export", "", "X-Tenant-Id: acme")
	require.Equal(t, http.StatusOK, a.Code)
	require.Equal(t, "application/zip", a.Header().Get("Content-Type"))
	require.Regexp(t, `^attachment; filename="tansu-`+acme+`-\d{8}T\d{6}Z\.zip"$`, a.Header().Get("Content-Disposition"))

	key := r.send("GET", "/v1/audit/key", "").ok(200)
	public, err := base64.StdEncoding.DecodeString(key["public_key"].(string))
	require.NoError(t, err)
	report, err := eventstore.VerifyExport(context.Background(), bytes.NewReader(a.Body.Bytes()), int64(a.Body.Len()),
		eventstore.VerifyExportOptions{PublicKey: ed25519.PublicKey(public)})
	require.NoError(t, err)
	require.Empty(t, report.Problem)
	require.EqualValues(t, 1, report.Manifest.Events)
	require.Equal(t, acme, report.Manifest.TenantID.String())

	head := r.send("HEAD", "/v1/audit/export", "")
	require.Equal(t, http.StatusOK, head.Code)
	require.Zero(t, head.Body.Len())
	r.send("GET", "/v1/audit/export", "", "Accept: application/json").problem(406, "not_acceptable")
	r.send("GET", "/v1/audit/export", "", "X-Tenant-Id: nobody").problem(404, "tenant_not_found")
}

// tornLog fails from the n-th read of the log on, once it is armed.
type tornLog struct {
	eventstore.Reader
	left *atomic.Int64
}

func (l tornLog) ReadLog(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	if l.left.Add(-1) < 0 {
		return eventstore.LogPage{}, errors.New("the disk is gone")
	}
	return l.Reader.ReadLog(ctx, tenant, q)
}

// TestAnExportThatFails: as long as nothing was sent it is a problem; later the
// client must not take a part for the whole.
func TestAnExportThatFails(t *testing.T) {
	t.Parallel()
	var left atomic.Int64
	r := newRig(t, func(d *rest.Deps) { d.Log = tornLog{d.Log, &left} })
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 { // more than one page, and more than compression hides
		noise := make([]byte, 300)
		for j := range noise {
			noise[j] = byte('a' + random.IntN(26))
		}
		r.send("POST", "/v1/tenants", fmt.Sprintf(`{"slug":"t-%d","name":"T","settings":{"noise":"%s"}}`, i, noise)).ok(201)
	}
	left.Store(0)
	r.send("GET", "/v1/audit/export", "").problem(500, "internal")

	server := httptest.NewServer(r.handler)
	defer server.Close()
	export := func() ([]byte, error) {
		req, err := http.NewRequest("GET", server.URL+"/v1/audit/export", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := server.Client().Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		return io.ReadAll(res.Body)
	}
	left.Store(1)
	_, err := export()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	left.Store(1000)
	whole, err := export()
	require.NoError(t, err)
	report, err := eventstore.VerifyExport(context.Background(), bytes.NewReader(whole), int64(len(whole)), eventstore.VerifyExportOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 400, report.Manifest.Events)
	require.Contains(t, r.logs.String(), "the disk is gone")
}

func TestALongReadEndsWithItsClient(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	r := newRig(t, func(d *rest.Deps) { d.Log = stuckLog{d.Log, entered} })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, request("GET", "/v1/audit/verify", "").WithContext(ctx))
		done <- rec.Code
	}()
	<-entered
	cancel()
	require.Equal(t, http.StatusServiceUnavailable, <-done)
}

// stuckLog answers when the request ends.
type stuckLog struct {
	eventstore.Reader
	entered chan struct{}
}

func (l stuckLog) Head(ctx context.Context, _ uuid.UUID) (eventstore.Head, error) {
	close(l.entered)
	<-ctx.Done()
	return eventstore.Head{}, ctx.Err()
}
