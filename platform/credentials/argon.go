package credentials

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// OWASP's parameters for argon2id. One hash takes 19 MiB and about 50 ms.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltBytes   = 16
	sumBytes    = 32
	// What a stored hash may ask for.
	minSaltBytes   = 8
	maxArgonMemory = 64 * 1024
	maxArgonTime   = 10
	maxArgonLanes  = 4
)

var errPHC = errors.New("the stored hash of a password is not one of ours")

// argon hashes passwords, as many at once as there are CPUs, so that a flood of
// sign-ins takes time and not memory.
type argon struct {
	slots  chan struct{}
	derive func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
	decoy  string // what an unknown user's password is compared with
}

func newArgon() *argon {
	a := &argon{slots: make(chan struct{}, runtime.NumCPU()), derive: argon2.IDKey}
	salt, sum := make([]byte, saltBytes), make([]byte, sumBytes)
	rand.Read(salt)
	rand.Read(sum)
	a.decoy = phc(salt, sum)
	return a
}

func phc(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// hash returns a PHC string.
func (a *argon) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum, err := a.run(ctx, password, salt, argonTime, argonMemory, argonLanes, sumBytes)
	if err != nil {
		return "", err
	}
	return phc(salt, sum), nil
}

// verify compares in constant time.
func (a *argon) verify(ctx context.Context, stored, password string) (bool, error) {
	var version int
	var memory, passes uint32
	var lanes uint8
	var encoded string
	n, err := fmt.Sscanf(stored, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &passes, &lanes, &encoded)
	if err != nil || n != 5 || version != argon2.Version || memory > maxArgonMemory ||
		passes < 1 || passes > maxArgonTime || lanes < 1 || lanes > maxArgonLanes {
		return false, errPHC
	}
	salt, want, err := decodePHC(encoded)
	if err != nil {
		return false, err
	}
	sum, err := a.run(ctx, password, salt, passes, memory, lanes, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, want) == 1, nil
}

func decodePHC(encoded string) (salt, sum []byte, err error) {
	first, second, _ := strings.Cut(encoded, "$")
	if salt, err = base64.RawStdEncoding.DecodeString(first); err != nil || len(salt) < minSaltBytes {
		return nil, nil, errPHC
	}
	if sum, err = base64.RawStdEncoding.DecodeString(second); err != nil || len(sum) < sumBytes {
		return nil, nil, errPHC
	}
	return salt, sum, nil
}

func (a *argon) run(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8, size uint32) ([]byte, error) {
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-a.slots }()
	return a.derive([]byte(password), salt, passes, memory, lanes, size), nil
}
