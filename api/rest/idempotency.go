package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
)

// idempotency is what a command needs to take effect once: the key within the
// tenant's log and the fingerprint that tells a repeat from another request.
type idempotency struct {
	key         string
	fingerprint eventstore.Hash
}

// idempotencyOf reads an Idempotency-Key. Two principals, or two routes, never
// share a key, whatever they send.
func idempotencyOf(key, ifMatch string, c *call) (idempotency, error) {
	if key == "" {
		return idempotency{}, nil
	}
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(key) > eventstore.MaxIdempotencyKey || strings.ContainsFunc(key, invisible) {
		return idempotency{}, problem.New(problem.HeaderInvalid, "The Idempotency-Key is malformed.").WithErrors(problem.FieldError{
			Pointer: "/header/Idempotency-Key", Code: "malformed", Message: "must be 1 to 255 visible ASCII characters, such as a UUID",
		})
	}
	scope := sha256.Sum256(sized(c.tenant.String(), c.actor, c.pattern, key))
	return idempotency{
		key:         scoped(scope, key),
		fingerprint: sha256.Sum256(sized(c.method, c.path, c.body, ifMatch)),
	}, nil
}

// scoped makes the stored key. It keeps the time of a client's key that is a
// UUID of version 7, as our own clients send: keys of one time are then
// neighbours in the index, which halves what storing one costs.
func scoped(scope eventstore.Hash, key string) string {
	id, err := uuid.Parse(key)
	if err != nil || id.Version() != 7 {
		return hex.EncodeToString(scope[:])
	}
	copy(id[6:], scope[:])
	id[6] = id[6]&0x0f | 0x70
	return id.String()
}

// part derives the idempotency of one of several commands that a request sends.
func (i idempotency) part(name string) idempotency {
	if i.key == "" {
		return i
	}
	scope := sha256.Sum256(sized(i.key, name))
	return idempotency{hex.EncodeToString(scope[:]), i.fingerprint}
}

// sized joins texts so that no two lists of them look the same.
func sized(texts ...string) []byte {
	var b []byte
	for _, t := range texts {
		b = append(b, byte(len(t)>>24), byte(len(t)>>16), byte(len(t)>>8), byte(len(t)))
		b = append(b, t...)
	}
	return b
}
