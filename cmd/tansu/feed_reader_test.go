package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/sdk/go/feed"
)

// theEnd is in the data of the last event of each log of a feed test.
const theEnd = "the end"

// feedSelection is what a client asks for, and the same in Go.
type feedSelection struct {
	tenant       string // as the client names it
	log          uuid.UUID
	subscription feed.Subscription
	selects      func(eventstore.Event) bool
}

// feedReader is one client of a feed test.
type feedReader struct {
	feedSelection
	start     int64 // position after which it subscribed first
	delivered []deliveredEvent
}

type deliveredEvent struct {
	position int64
	id       string
}

// follow reads until the end of the log.
func (r *feedReader) follow(ctx context.Context, url, token string, started func()) error {
	s, first := r.subscription, true
	s.OnSubscribed = func(position int64) {
		if first {
			r.start, first = position, false
			started()
		}
	}
	client := feed.Client{URL: url, Token: feed.StaticToken(token), Tenant: r.tenant}
	for e, err := range client.Subscribe(ctx, s) {
		if err != nil {
			return fmt.Errorf("%s, %d events from %d on: %w", r.tenant, len(r.delivered), r.start, err)
		}
		r.delivered = append(r.delivered, deliveredEvent{e.Position, e.ID})
		if bytes.Contains(e.Data, []byte(theEnd)) {
			return nil
		}
	}
	return nil
}

// compare finds the first difference between what was delivered and what the log
// says: something lost, doubled, out of order or of another log.
func (r *feedReader) compare(log []eventstore.Event) error {
	i := 0
	for _, e := range log {
		if e.Position <= r.start || !r.selects(e) {
			continue
		}
		want := deliveredEvent{e.Position, e.ID.String()}
		if i == len(r.delivered) {
			return fmt.Errorf("%s: %v was not delivered", r.tenant, want)
		}
		if r.delivered[i] != want {
			return fmt.Errorf("%s: delivery %d is %v, the log has %v", r.tenant, i, r.delivered[i], want)
		}
		i++
		if bytes.Contains(e.Data, []byte(theEnd)) {
			break
		}
	}
	if i < len(r.delivered) {
		return fmt.Errorf("%s: %d deliveries too many", r.tenant, len(r.delivered)-i)
	}
	return nil
}

func everyEvent(eventstore.Event) bool { return true }

// feedSelections of the two logs of a feed test.
func feedSelections(other uuid.UUID) []feedSelection {
	orders := feed.Subscription{
		Topics: []feed.Topic{{StreamType: "order", Type: "order.placed"}, {Type: "order.returned"}}, Filter: "data.n > 100",
	}
	renames := feed.Subscription{Topics: []feed.Topic{{Type: "tenant.renamed", Actor: "operator"}}, Filter: "version > 3"}
	return []feedSelection{
		{"system", eventstore.SystemTenant, feed.Subscription{}, everyEvent},
		{other.String(), other, feed.Subscription{}, everyEvent},
		{"system", eventstore.SystemTenant, renames, func(e eventstore.Event) bool { return e.Type == "tenant.renamed" && e.Version > 3 }},
		{other.String(), other, orders, func(e eventstore.Event) bool {
			var data struct{ N int }
			return json.Unmarshal(e.Data, &data) == nil && e.Type == "order.placed" && data.N > 100
		}},
		{other.String(), other, feed.Subscription{From: feed.Now()}, everyEvent},
	}
}
