package webhooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/sagas/webhooks"
)

// TestSelection: which events become jobs for which webhook, from its
// registration on, as it is at each moment.
func TestSelection(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	e.append("before", 1)
	all := e.register(webhook.Target{URL: "https://x"})
	orders := e.register(webhook.Target{URL: "https://x", Topics: []webhook.Topic{{StreamType: "invoice"}, {StreamType: "order", StreamID: "a"}}})
	large := e.register(webhook.Target{URL: "https://x", Topics: []webhook.Topic{{Type: "order.paid", Actor: "till"}}, Filter: "data.total > 100"})
	none := e.register(webhook.Target{URL: "https://x", Topics: []webhook.Topic{{Actor: "nobody"}, {Type: "order.sent"}}})

	first := e.append("a", 50, 150) // and first-1
	other := e.append("b", 101)
	_, err := e.commands.DisableWebhook(t.Context(), on(e.tenant, all.id.String(), commands.DisableWebhook{Reason: "r"}))
	require.NoError(t, err)
	missed := e.append("a", 7)
	_, err = e.commands.EnableWebhook(t.Context(), on(e.tenant, all.id.String(), commands.EnableWebhook{}))
	require.NoError(t, err)
	_, err = e.commands.ChangeWebhook(t.Context(), on(e.tenant, orders.id.String(), commands.ChangeWebhook{
		Target: webhook.Target{URL: "https://y", Topics: []webhook.Topic{{StreamID: "b"}}},
	}))
	require.NoError(t, err)
	after := e.append("b", 8)
	_, err = e.commands.DeleteWebhook(t.Context(), on(e.tenant, large.id.String(), commands.DeleteWebhook{}))
	require.NoError(t, err)
	last := e.append("b", 1000)
	e.settle(runner)

	require.Equal(t, []int64{first - 1, first, other, after, last}, e.positions(all), "webhook.* events are never sent")
	require.Equal(t, []int64{first - 1, first, missed, after, last}, e.positions(orders))
	require.Equal(t, []int64{first, other}, e.positions(large))
	require.Empty(t, e.positions(none))
	require.Equal(t, 3, e.jobs("webhook.deliver", "job_group = '"+all.id.String()+"/order/b'"), "a group is a stream to a webhook")
}

// TestNoLossAndNoDoubleOverRestarts: the saga is stopped and started all the
// time while events come, and a crash takes transactions back; in the end there
// is one job for each event, in order of position for each stream.
func TestNoLossAndNoDoubleOverRestarts(t *testing.T) {
	t.Parallel()
	const rounds, perRound = 12, 25
	e := newEnv(t)
	_, stop := e.follow()
	h := e.register(webhook.Target{URL: "https://x"})
	var want []int64
	round := make(chan struct{}) // another one has been appended
	go func() {
		defer close(round)
		for i := range rounds * perRound {
			position, err := e.tryAppend(string(rune('a'+i%5)), i)
			if err != nil {
				t.Error(err)
			}
			want = append(want, position)
			if i%perRound == 0 {
				round <- struct{}{}
			}
		}
	}()
	for range round {
		stop()
		_, stop = e.follow()
	}
	stop()
	runner, _ := e.follow()
	e.settle(runner)
	require.Equal(t, want, e.positions(h))
	require.Equal(t, rounds*perRound, e.jobs("webhook.deliver", "true"))
}

// TestNothingIsSentByARebuild: the read model can be filled anew, the saga
// cannot, and neither sends anything again.
func TestNothingIsSentByARebuild(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	h := e.register(webhook.Target{URL: "https://x"})
	e.append("a", 1, 2, 3)
	e.settle(runner)
	require.Equal(t, 3, e.jobs("webhook.deliver", "true"))
	_, err := e.Pool.Exec(t.Context(), "DELETE FROM jobs") // so that the keys are forgotten
	require.NoError(t, err)
	for _, name := range []string{"webhooks", "webhook_deliveries"} {
		require.NoError(t, projectionstest.Control{Store: e.Store, Codec: e.Codec}.StartRebuild(t.Context(), name, projection.StartRebuild{Version: 1, Reason: "test"}))
	}
	e.eventually(func() bool {
		var generation int
		err := e.Pool.QueryRow(t.Context(), "SELECT generation FROM read_models WHERE projection = 'webhooks'").Scan(&generation)
		return err == nil && generation == 2
	}, "the read model must be rebuilt")
	e.settle(runner)
	require.Zero(t, e.jobs("webhook.deliver", "true"))
	found, err := e.found.Get(t.Context(), e.tenant, h.id)
	require.NoError(t, err)
	require.Equal(t, "https://x", found.URL)
}

func TestAFilterThatCannotBeReadSelectsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	broken := e.register(webhook.Target{URL: "https://x", Filter: "type =="})
	good := e.register(webhook.Target{URL: "https://x"})
	position := e.append("a", 1)
	e.settle(runner)
	require.Empty(t, e.positions(broken))
	require.Equal(t, []int64{position}, e.positions(good), "the others do not suffer from it")
}

func TestSecretsLiveAsLongAsTheySign(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	runner, _ := e.follow()
	deleteAfter := func(secret string) (at *time.Time) {
		require.NoError(t, e.Pool.QueryRow(t.Context(), "SELECT delete_after FROM webhook_secrets WHERE id = $1", secret).Scan(&at))
		return at
	}
	name, text, err := e.secrets.NewSecret(t.Context(), e.tenant, e.tenant)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), *deleteAfter(name.ID), time.Hour, "one that no event names goes by itself")
	again, err := e.secrets.SecretText(t.Context(), e.tenant, e.tenant, name.ID)
	require.NoError(t, err)
	require.Equal(t, text, again)

	h := e.register(webhook.Target{URL: "https://x"})
	secretOf := func() webhook.Secret {
		past, err := e.Store.ReadStream(t.Context(), e.tenant, eventstore.Stream{Type: "webhook", ID: h.id.String()}, eventstore.StreamQuery{Backwards: true, Limit: 1})
		require.NoError(t, err)
		payload, err := e.Codec.Decode(t.Context(), past[0])
		require.NoError(t, err)
		return webhook.Apply(webhook.State{}, payload.(webhook.Event)).Secret
	}
	first := secretOf()
	e.settle(runner)
	require.Nil(t, deleteAfter(first.ID))
	e.rotate(h, time.Hour)
	second := secretOf()
	e.rotate(h, 2*time.Hour)
	third := secretOf()
	e.settle(runner)
	require.WithinDuration(t, time.Now(), *deleteAfter(first.ID), time.Minute, "the second rotation ends it")
	require.WithinDuration(t, time.Now().Add(2*time.Hour), *deleteAfter(second.ID), time.Minute)
	require.Nil(t, deleteAfter(third.ID))
	require.NoError(t, e.secrets.DropSecret(t.Context(), e.tenant, third.ID))
	require.Nil(t, deleteAfter(third.ID), "what an event names is not dropped")

	_, err = e.commands.DeleteWebhook(t.Context(), on(e.tenant, h.id.String(), commands.DeleteWebhook{}))
	require.NoError(t, err)
	e.settle(runner)
	require.WithinDuration(t, time.Now(), *deleteAfter(third.ID), time.Minute)
}

func TestSecretsOpenOnlyWhereTheyBelong(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	name, text, err := e.secrets.NewSecret(t.Context(), e.tenant, e.tenant)
	require.NoError(t, err)
	require.Regexp(t, "^whsec_[A-Za-z0-9+/]{43}=$", text)
	require.Regexp(t, "^[0-9a-f]{16}$", name.Fingerprint)
	var stored string
	require.NoError(t, e.Pool.QueryRow(t.Context(), "SELECT encode(wrapped, 'base64') FROM webhook_secrets").Scan(&stored))
	require.NotContains(t, stored, text[6:20])

	_, err = webhooks.NewSecrets(e.Pool, [32]byte{2}).SecretText(t.Context(), e.tenant, e.tenant, name.ID)
	require.ErrorContains(t, err, "does not open")
	_, err = e.Pool.Exec(t.Context(), "UPDATE webhook_secrets SET webhook_id = '7b8f9a1e-0000-4000-8000-000000000000'")
	require.NoError(t, err)
	_, err = webhooks.NewSecrets(e.Pool, [32]byte{1}).SecretText(t.Context(), e.tenant, [16]byte{0x7b, 0x8f, 0x9a, 0x1e, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0}, name.ID)
	require.ErrorContains(t, err, "does not open", "a row that was copied to another webhook")
	_, err = e.secrets.SecretText(t.Context(), e.tenant, e.tenant, "x")
	require.Error(t, err)

	require.NoError(t, e.secrets.DropSecret(t.Context(), e.tenant, name.ID))
	_, err = webhooks.NewSecrets(e.Pool, [32]byte{1}).SecretText(t.Context(), e.tenant, e.tenant, name.ID)
	require.ErrorContains(t, err, "no such webhook")
}
