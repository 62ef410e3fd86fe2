package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"tansu.cloud/sdk/go/feed"
)

// Follow the orders of a tenant. What the program has seen is kept by the
// program, together with what it made of it.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	client := &feed.Client{
		URL:    "https://tansu.example.com",
		Token:  feed.StaticToken(os.Getenv("TANSU_TOKEN")),
		Tenant: "acme",
	}
	var seen int64 // as the program stored it
	for event, err := range client.Subscribe(ctx, feed.Subscription{
		Topics: []feed.Topic{{StreamType: "order"}},
		Filter: `data.total > 100`,
		From:   feed.After(seen),
	}) {
		if refused, ok := errors.AsType[*feed.Error](err); ok {
			log.Fatalf("refused at position %d: %s: %s", refused.Position, refused.Code, refused.Detail)
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Position, event.Type, event.Subject)
		seen = event.Position
	}
}

// Keep a table that equals the server's read model: its rows first, then every
// change since, with neither gap nor double in between.
func ExampleSnapshot() {
	client := &feed.Client{URL: "https://tansu.example.com", Token: feed.StaticToken(os.Getenv("TANSU_TOKEN"))}
	tenants := map[string]json.RawMessage{}
	fill := func(rows []json.RawMessage, position int64) error {
		for _, row := range rows {
			var key struct{ ID string }
			if err := json.Unmarshal(row, &key); err != nil {
				return err
			}
			tenants[key.ID] = row
		}
		return nil
	}
	for event, err := range client.Subscribe(context.Background(), feed.Subscription{From: feed.Snapshot("tenants", fill)}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("change", event.Type, "of", event.Subject)
	}
}

// Show who looks at an order, and tell them something.
func ExampleClient_Join() {
	client := &feed.Client{URL: "https://tansu.example.com", Token: feed.StaticToken(os.Getenv("TANSU_TOKEN")), Tenant: "acme"}
	channel, err := client.Join(context.Background(), "order:42", map[string]string{"name": "Ann"})
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	if err := channel.Broadcast(map[string]string{"text": "I take this one"}); err != nil {
		log.Fatal(err)
	}
	for {
		switch happened, err := channel.Receive(); {
		case err != nil:
			log.Fatal(err)
		case happened.Joined != nil:
			fmt.Println(happened.Joined.Actor, "came")
		case happened.Message != nil:
			fmt.Println(happened.Message.From.Actor, "says", string(happened.Message.Data))
		}
	}
}
