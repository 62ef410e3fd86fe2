// Package feed follows the log of a Tansu tenant live. A subscription is an
// iterator over events that survives whatever happens to its connection: it
// comes back by itself, goes on after the last position that it saw, and yields
// every selected event once and in order of position.
//
//	client := &feed.Client{URL: "https://tansu.example.com", Token: feed.StaticToken(token), Tenant: "acme"}
//	for event, err := range client.Subscribe(ctx, feed.Subscription{
//		Topics: []feed.Topic{{StreamType: "order"}},
//		From:   feed.After(lastSeen),
//	}) {
//		if err != nil {
//			return err
//		}
//		// Apply the event and keep event.Position in one transaction: then a
//		// restart of this program neither misses nor repeats anything either.
//	}
//
// # Where to begin
//
// [After] resumes after a position, of which 0 is the beginning of the log; [Now]
// takes what comes next; [Snapshot] takes the rows of a read model first and then
// everything that happened after them. There is no window: any position can be
// resumed, however old.
//
// # What ends a subscription
//
// The loop's body with break, the end of its context, or an error that trying
// again would not change: an [*Error] when the server refuses, with its code, the
// detail that says the fix, and the position reached; an [*OrderError] when what
// arrives contradicts the order of positions, which must never be. A lost
// connection, a restart of the server or an expired token end nothing: the client
// connects again, at first at once and then with full jitter below a bound that
// grows from 0.5 to 20 s, or when a server that closes asks it to.
//
// # Memory and slow loops
//
// Each subscription has a connection of its own and reads it in the goroutine of
// the loop, one frame at a time. A loop that is slower than the log leaves the
// rest in the socket and, beyond that, in the log: nothing piles up on either
// side. A loop whose body takes longer than some ten seconds may find its
// connection closed; it is resumed like any other. With Subscription.Coalesce a
// loop that is behind gets only the newest event of each stream.
//
// # Channels
//
// [Client.Join] enters a channel, where the clients of a tenant see each other and
// exchange messages. Nothing of it is kept in the log, and nothing is repeated
// after a disconnect.
package feed
