package credentials

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHashesAtOnceAreAsManyAsCPUs: what bounds the memory of a flood of sign-ins.
func TestHashesAtOnceAreAsManyAsCPUs(t *testing.T) {
	t.Parallel()
	a := newArgon()
	cpus := runtime.NumCPU()
	var running, most atomic.Int32
	started, release := make(chan struct{}, cpus), make(chan struct{})
	a.derive = func(_, _ []byte, _, _ uint32, _ uint8, size uint32) []byte {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		select {
		case started <- struct{}{}:
		default:
		}
		<-release
		running.Add(-1)
		return make([]byte, size)
	}
	var wait sync.WaitGroup
	var done atomic.Int32
	const callers = 64
	for range callers {
		wait.Go(func() {
			if _, err := a.hash(t.Context(), "x"); err == nil {
				done.Add(1)
			}
		})
	}
	for range cpus {
		<-started
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.hash(gone, "x")
	require.ErrorIs(t, err, context.Canceled, "who waits can leave")
	close(release)
	wait.Wait()
	require.EqualValues(t, callers, done.Load())
	require.EqualValues(t, cpus, most.Load())
}

func TestVerifyReadsWhatHashWrites(t *testing.T) {
	t.Parallel()
	a := newArgon()
	stored, err := a.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$"), stored)
	again, err := a.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, stored, again, "salted")

	same, err := a.verify(t.Context(), stored, "correct horse")
	require.NoError(t, err)
	require.True(t, same)
	same, err = a.verify(t.Context(), stored, "correct hors")
	require.NoError(t, err)
	require.False(t, same)
}

// The vector is one of the reference implementation's own tests.
func TestVerifyReadsOthersHashes(t *testing.T) {
	t.Parallel()
	a := newArgon()
	const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	same, err := a.verify(t.Context(), stored, "password")
	require.NoError(t, err)
	require.True(t, same)
}

func TestVerifyRefusesForeignHashes(t *testing.T) {
	t.Parallel()
	a := newArgon()
	salt, sum := "c29tZXNhbHQxMjM0NTY3OA", strings.Repeat("A", 43)
	for name, stored := range map[string]string{
		"nothing":      "",
		"bcrypt":       "$2a$10$abcdefghijklmnopqrstuv",
		"old version":  "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + sum,
		"too much":     "$argon2id$v=19$m=1048576,t=2,p=1$" + salt + "$" + sum,
		"too long":     "$argon2id$v=19$m=19456,t=200,p=1$" + salt + "$" + sum,
		"no passes":    "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + sum,
		"no lanes":     "$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + sum,
		"short salt":   "$argon2id$v=19$m=19456,t=2,p=1$c29t$" + sum,
		"short sum":    "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
		"no sum":       "$argon2id$v=19$m=19456,t=2,p=1$" + salt,
		"not base64":   "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("!", 43),
		"another kind": "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + sum,
	} {
		_, err := a.verify(t.Context(), stored, "password")
		require.ErrorIs(t, err, errPHC, name)
	}
}

func BenchmarkVerify(b *testing.B) {
	a := newArgon()
	for b.Loop() {
		if _, err := a.verify(b.Context(), a.decoy, "correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}
