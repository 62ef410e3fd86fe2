package credentials

import (
	"math/big"
	"strings"
)

// Base 62 of a fixed width: a double click selects the whole of it, and it needs
// no escaping anywhere.
const (
	width32  = 43 // of 32 bytes
	widthCRC = 6  // of a CRC-32
)

// encode62 returns the bytes as a number with leading zeros.
func encode62(raw []byte, width int) string {
	digits := new(big.Int).SetBytes(raw).Text(62)
	return strings.Repeat("0", width-len(digits)) + digits
}

// decode62 accepts only what encode62 returns for so many bytes.
func decode62(text string, size, width int) ([]byte, error) {
	if len(text) != width || strings.ContainsFunc(text, not62) {
		return nil, ErrMalformed
	}
	number, ok := new(big.Int).SetString(text, 62)
	if !ok || number.BitLen() > 8*size {
		return nil, ErrMalformed
	}
	return number.FillBytes(make([]byte, size)), nil
}

func not62(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
