// Package domaintest is for tests of aggregates.
package domaintest

import (
	"errors"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain"
)

// RequireRefused requires that a command was refused with a code, and returns
// the refusal.
func RequireRefused(t require.TestingT, err error, code string) *domain.Error {
	if t, ok := t.(interface{ Helper() }); ok {
		t.Helper()
	}
	var refusal *domain.Error
	require.True(t, errors.As(err, &refusal), "got %v", err)
	require.Equal(t, code, refusal.Code)
	return refusal
}
