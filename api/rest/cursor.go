package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
)

// bookmark is where a page ended: the sort value and id of its last row, or the
// log position or stream version to go on after.
type bookmark struct {
	Sort  string    `json:"s,omitempty"`
	ID    uuid.UUID `json:"i,omitzero"`
	After int64     `json:"a,omitempty"`
}

// cursors seals bookmarks for clients and opens them again. A cursor fits only
// the query it was made for and cannot be made by clients.
type cursors struct{ key []byte }

const (
	macBytes    = 16
	filterBytes = 8
	maxCursor   = 2048
)

// seal returns the cursor of a bookmark. The query names the route, the tenant
// and all filters.
func (c cursors) seal(b bookmark, query ...string) string {
	body, err := json.Marshal(b)
	if err != nil {
		panic(err) // text and numbers always encode
	}
	token := append(filterHash(query), body...)
	return base64.RawURLEncoding.EncodeToString(append(c.mac(token), token...))
}

// begin returns where a page begins: without a cursor it is the first.
func (c cursors) begin(cursor string, query ...string) (bookmark, error) {
	if cursor == "" {
		return bookmark{}, nil
	}
	return c.open(cursor, query...)
}

func (c cursors) open(cursor string, query ...string) (bookmark, error) {
	refused := problem.New(problem.CursorInvalid, "The cursor was not made for this query; use next_cursor unchanged with the same filters.")
	if len(cursor) > maxCursor {
		return bookmark{}, refused
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < macBytes+filterBytes {
		return bookmark{}, refused
	}
	mac, token := raw[:macBytes], raw[macBytes:]
	if !hmac.Equal(mac, c.mac(token)) || subtle.ConstantTimeCompare(token[:filterBytes], filterHash(query)) != 1 {
		return bookmark{}, refused
	}
	var b bookmark
	if err := json.Unmarshal(token[filterBytes:], &b); err != nil {
		return bookmark{}, refused
	}
	return b, nil
}

func (c cursors) mac(token []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write(token)
	return h.Sum(nil)[:macBytes]
}

// filterHash cannot be fooled by moving text between filters: none of them
// contains the separator, which middleware refuses in queries.
func filterHash(query []string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(query, "\x00")))
	return sum[:filterBytes]
}
