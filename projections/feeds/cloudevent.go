package feeds

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// CloudEvent returns the event as a CloudEvent 1.0 in JSON, made once and shared:
// the caller must not change it. Positions and versions are texts, because
// integers of CloudEvents have 32 bits; data are the stored bytes, which may
// contain line breaks.
func (e *Entry) CloudEvent() []byte {
	e.cloudEventOnce.Do(func() { e.cloudEvent = e.encode() })
	return e.cloudEvent
}

func (e *Entry) encode() []byte {
	event, m := &e.Event, e.meta()
	tenant := event.TenantID.String()
	b := make([]byte, 0, 640+len(event.Data)+len(m.Actor)+len(m.CorrelationID)+len(m.CausationID)+len(m.Traceparent))
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = append(b, event.ID.String()...)
	b = append(b, `","source":"/tenants/`...)
	b = append(b, tenant...)
	b = append(b, `","type":`...)
	b = appendText(b, event.Type)
	b = append(b, `,"subject":`...)
	b = appendText(b, event.Stream.String())
	b = append(b, `,"time":"`...)
	b = event.RecordedAt.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","datacontenttype":"application/json","tansuposition":"`...)
	b = strconv.AppendInt(b, event.Position, 10)
	b = append(b, `","tansutenant":"`...)
	b = append(b, tenant...)
	b = append(b, `","tansustreamtype":`...)
	b = appendText(b, event.Stream.Type)
	b = append(b, `,"tansustreamid":`...)
	b = appendText(b, event.Stream.ID)
	b = append(b, `,"tansuversion":"`...)
	b = strconv.AppendInt(b, event.Version, 10)
	b = append(b, `","tansuschemaversion":`...)
	b = strconv.AppendInt(b, int64(event.SchemaVersion), 10)
	for _, optional := range [...]struct{ name, value string }{
		{`,"tansuactor":`, m.Actor}, {`,"tansucorrelation":`, m.CorrelationID},
		{`,"tansucausation":`, m.CausationID}, {`,"traceparent":`, m.Traceparent},
	} {
		if optional.value != "" {
			b = append(b, optional.name...)
			b = appendText(b, optional.value)
		}
	}
	b = append(b, `,"data":`...)
	b = append(b, event.Data...)
	return append(b, '}')
}

// appendText writes a JSON string; most texts are plain.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string cannot fail
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
