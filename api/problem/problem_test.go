package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   problem.Code
	}{
		{domain.Invalid("tenant.slug_invalid", "m"), 422, "tenant.slug_invalid"},
		{domain.Conflict("tenant.archived", "m"), 409, "tenant.archived"},
		{domain.NotFound("tenant.not_found", "m"), 404, "tenant.not_found"},
		{domain.Forbidden("forbidden", "m"), 403, "forbidden"},
		{&domain.Error{Kind: "unheard of", Code: "x"}, 500, problem.Internal},
		{&eventstore.VersionConflict{Expected: 1, Actual: 2}, 409, problem.VersionConflict},
		{&eventstore.ClaimTaken{Scope: "tenant.slug", Value: "secret"}, 409, problem.Conflict},
		{&eventstore.LimitError{Field: "writes", Problem: "are too many"}, 422, problem.ValidationFailed},
		{&commands.IdempotencyMismatch{Key: "secret"}, 422, problem.IdempotencyKeyReused},
		{&commands.InFlight{Key: "secret"}, 409, problem.IdempotencyInFlight},
		{&eventstore.CorruptLog{Position: 7, Problem: "secret"}, 500, problem.LogCorrupt},
		{eventstore.ErrUnavailable, 503, problem.Unavailable},
		{eventstore.ErrOutcomeUnknown, 503, problem.OutcomeUnknown},
		{context.DeadlineExceeded, 503, problem.Timeout},
		{errors.New("secret"), 500, problem.Internal},
		{problem.New(problem.Forbidden, "d"), 403, problem.Forbidden},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			p := problem.From(err)
			require.Equal(t, c.status, p.Status, err)
			require.Equal(t, c.code, p.Code, err)
			require.NotEmpty(t, p.Title, err)
			plain, jsonErr := json.Marshal(p)
			require.NoError(t, jsonErr)
			require.NotContains(t, string(plain), "secret", err)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	rec.Header().Set("ETag", `"stale"`)
	problem.New(problem.MethodNotAllowed, "d").WithHeader("Allow", "GET").
		WithErrors(problem.FieldError{Pointer: "/a", Code: "c", Message: "m"}).At("req-1", "trace-1").Write(rec)
	require.Equal(t, 405, rec.Code)
	require.Equal(t, "GET", rec.Header().Get("Allow"))
	require.Empty(t, rec.Header().Get("ETag"))
	require.JSONEq(t, `{"type":"https://tansu.cloud/problems/method_not_allowed","title":"The path does not offer this method","status":405,
		"detail":"d","instance":"urn:tansu:request:req-1","code":"method_not_allowed","traceId":"trace-1",
		"errors":[{"pointer":"/a","code":"c","message":"m"}]}`, rec.Body.String())
}

func TestTheCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[problem.Code]bool{}
	for _, e := range slices.Concat(problem.Catalogue(), problem.FeedCatalogue()) {
		require.False(t, seen[e.Code], e.Code)
		seen[e.Code] = true
		require.GreaterOrEqual(t, e.Status, 400, e.Code)
		require.NotEmpty(t, e.Title, e.Code)
		require.NotEmpty(t, e.Advice, e.Code)
	}
}
