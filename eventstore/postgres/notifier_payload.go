package postgres

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// notifyChannel carries payloads of the form "1 sender tenant:position …" with
// ids in base64 and positions in base 36; 1 is the format's version.
const (
	notifyChannel = "tansu_heads"
	notifyFormat  = "1"
	notifyLimit   = 7900 // bytes; PostgreSQL refuses 8,000
)

var base64url = base64.RawURLEncoding

// notifySender makes a short name without spaces from any node id.
func notifySender(nodeID string) string {
	sum := sha256.Sum256([]byte(nodeID))
	return base64url.EncodeToString(sum[:9])
}

// encodeHeads spreads positions over as few payloads as their limit allows.
func encodeHeads(sender string, heads map[uuid.UUID]int64) []string {
	var payloads []string
	start := notifyFormat + " " + sender
	text := []byte(start)
	for tenant, position := range heads {
		entry := " " + base64url.EncodeToString(tenant[:]) + ":" + strconv.FormatInt(position, 36)
		if len(text)+len(entry) > notifyLimit {
			payloads = append(payloads, string(text))
			text = append(text[:0], start...)
		}
		text = append(text, entry...)
	}
	if len(text) > len(start) {
		payloads = append(payloads, string(text))
	}
	return payloads
}

// decodeHeads refuses a payload as a whole if any part of it is malformed.
func decodeHeads(payload string) (sender string, heads map[uuid.UUID]int64, err error) {
	fields := strings.Split(payload, " ")
	if len(fields) < 3 || fields[0] != notifyFormat {
		return "", nil, errors.New("the format is unknown")
	}
	heads = make(map[uuid.UUID]int64, len(fields)-2)
	for _, entry := range fields[2:] {
		id, number, _ := strings.Cut(entry, ":")
		raw, err1 := base64url.DecodeString(id)
		tenant, err2 := uuid.FromBytes(raw)
		position, err3 := strconv.ParseInt(number, 36, 64)
		if err1 != nil || err2 != nil || err3 != nil || position < 1 {
			return "", nil, fmt.Errorf("%q is not a tenant with a position", entry)
		}
		heads[tenant] = max(heads[tenant], position)
	}
	return fields[1], heads, nil
}
