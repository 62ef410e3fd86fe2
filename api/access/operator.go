package access

import (
	"crypto/sha256"
	"crypto/subtle"
)

// OperatorToken checks the credential of the installation's owner, in a time
// that does not depend on how much of the token is right.
type OperatorToken interface {
	VerifyOperator(token string) bool
}

// OperatorHash is an OperatorToken that holds the SHA-256 of the token.
type OperatorHash [sha256.Size]byte

// VerifyOperator compares hashes in constant time.
func (h OperatorHash) VerifyOperator(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(h[:], sum[:]) == 1
}

// ActorOperator is the principal of the operator token, as events name it.
const ActorOperator = "operator"
