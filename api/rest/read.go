package rest

import (
	"net/url"

	"tansu.cloud/eventstore"
)

// ReadHeaders are accepted by every read.
type ReadHeaders struct {
	MinPosition int64  `header:"Tansu-Min-Position" minimum:"0" doc:"Answer only with what includes this position of the log; see Tansu-Position." example:"42"`
	Prefer      string `header:"Prefer" doc:"wait=N: wait up to N seconds (at most 30) for Tansu-Min-Position." example:"wait=5"`
}

// ConditionalHeaders are accepted by reads of one thing.
type ConditionalHeaders struct {
	IfMatch     string `header:"If-Match" doc:"Answer only if this is the present ETag, else 412." example:"\"3\""`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if this is the present ETag." example:"\"3\""`
}

// PageHeaders are those of a list.
type PageHeaders struct {
	Link     string `header:"Link" doc:"The next page, rel=next." example:"</v1/tenants?cursor=Zm9v>; rel=\"next\""`
	Position int64  `header:"Tansu-Position" doc:"The position of the log that the answer includes at least; 0 if not known." example:"42"`
}

// Range selects a part of a log or stream.
type Range struct {
	After  int64  `query:"after" minimum:"0" doc:"Only numbers above this one." example:"0"`
	Before int64  `query:"before" minimum:"0" doc:"Only numbers below this one; 0 for no bound." example:"0"`
	Order  string `query:"order" enum:"asc,desc" default:"asc" doc:"Oldest (asc) or newest (desc) first." example:"asc"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"The most items of a page." example:"50"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before, with the same filters." example:"Zm9v"`
}

func (r Range) backwards() bool { return r.Order == "desc" }

// start is where reading begins, in the sense of the After of eventstore.
func (r Range) start(b bookmark) int64 {
	switch {
	case b.After > 0:
		return b.After
	case r.backwards():
		return r.Before
	}
	return r.After
}

// trim drops what lies beyond the far end of the range and reports whether the
// range ended there.
func (r Range) trim(events []eventstore.Event, number func(eventstore.Event) int64) ([]eventstore.Event, bool) {
	for i, e := range events {
		n := number(e)
		if r.backwards() && n <= r.After || !r.backwards() && r.Before > 0 && n >= r.Before {
			return events[:i], true
		}
	}
	return events, false
}

// exhausted reports whether nothing of the range lies behind a position.
func (r Range) exhausted(next int64) bool {
	if r.backwards() {
		return next <= r.After+1
	}
	return r.Before > 0 && next >= r.Before-1
}

// nextLink is the Link header of the page that a cursor opens.
func nextLink(c *call, cursor string) string {
	if cursor == "" {
		return ""
	}
	query, err := url.ParseQuery(c.query)
	if err != nil {
		return ""
	}
	query.Set("cursor", cursor)
	return "<" + c.path + "?" + query.Encode() + `>; rel="next"`
}
