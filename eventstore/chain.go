package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
)

// ChainHash links an event to the hash before it (the zero Hash for position 1).
// It covers every stored field; each variable-length field is preceded by its
// length, so that no two different events have the same encoding.
func ChainHash(prev Hash, e *Event) Hash {
	var local [1024]byte // on the stack; enough for most events
	buf := append(local[:0], prev[:]...)
	buf = append(buf, e.TenantID[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.Position))
	buf = appendSized(buf, e.Stream.Type)
	buf = appendSized(buf, e.Stream.ID)
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.Version))
	buf = append(buf, e.ID[:]...)
	buf = appendSized(buf, e.Type)
	buf = binary.BigEndian.AppendUint32(buf, uint32(e.SchemaVersion))
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.RecordedAt.UnixMicro()))
	buf = appendSized(buf, e.Data)
	buf = appendSized(buf, e.Metadata)
	return sha256.Sum256(buf)
}

func appendSized[T ~string | ~[]byte](buf []byte, s T) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
	return append(buf, s...)
}
