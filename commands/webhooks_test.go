package commands_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

var anyTarget = webhook.Target{URL: "https://example.com/hooks"}

func registerWebhook(owner uuid.UUID, secret string) commands.Request[commands.RegisterWebhook] {
	r := request("", commands.RegisterWebhook{Target: anyTarget, Secret: webhook.Secret{ID: secret, Fingerprint: "f"}})
	r.Tenant = owner
	return r
}

func onWebhook[C any](owner uuid.UUID, id string, c C) commands.Request[C] {
	r := request(id, c)
	r.Tenant = owner
	return r
}

func TestLifeOfAWebhook(t *testing.T) {
	t.Parallel()
	f, owner, ctx := newFixture(t), uuid.New(), t.Context()
	created, err := f.RegisterWebhook(ctx, registerWebhook(owner, "s1"))
	require.NoError(t, err)
	require.NoError(t, uuid.Validate(created.State.ID))
	require.Equal(t, 1, created.State.Slot)
	id := created.State.ID

	_, err = f.ChangeWebhook(ctx, onWebhook(owner, id, commands.ChangeWebhook{Target: webhook.Target{URL: "https://example.org/"}}))
	require.NoError(t, err)
	_, err = f.DisableWebhook(ctx, onWebhook(owner, id, commands.DisableWebhook{Reason: "maintenance"}))
	require.NoError(t, err)
	_, err = f.ReplayWebhook(ctx, onWebhook(owner, id, commands.ReplayWebhook{ReplayID: "r", FromPosition: 1, ToPosition: 2}))
	requireRefused(t, err, domain.KindConflict, "webhook.not_enabled")
	_, err = f.EnableWebhook(ctx, onWebhook(owner, id, commands.EnableWebhook{}))
	require.NoError(t, err)
	_, err = f.RotateWebhookSecret(ctx, onWebhook(owner, id, commands.RotateWebhookSecret{Secret: webhook.Secret{ID: "s2", Fingerprint: "f"}}))
	require.NoError(t, err)
	_, err = f.RedriveWebhook(ctx, onWebhook(owner, id, commands.RedriveWebhook{Reason: "repaired"}))
	require.NoError(t, err)
	_, err = f.ReplayWebhook(ctx, onWebhook(owner, id, commands.ReplayWebhook{ReplayID: "r", FromPosition: 1, ToPosition: 2}))
	require.NoError(t, err)
	ended, err := f.DeleteWebhook(ctx, onWebhook(owner, id, commands.DeleteWebhook{}))
	require.NoError(t, err)
	require.Equal(t, webhook.StatusDeleted, ended.State.Status)
	_, err = f.EnableWebhook(ctx, onWebhook(owner, id, commands.EnableWebhook{}))
	requireRefused(t, err, domain.KindNotFound, "webhook.not_found")

	page, err := f.memory.ReadLog(ctx, owner, eventstore.LogQuery{})
	require.NoError(t, err)
	var types []string
	for _, e := range page.Events {
		types = append(types, e.Type)
	}
	require.Equal(t, []string{
		"webhook.registered", "webhook.changed", "webhook.disabled", "webhook.enabled", "webhook.secret_rotated",
		"webhook.redrive_requested", "webhook.replay_requested", "webhook.deleted",
	}, types)
	past, err := f.history.StateAt(ctx, owner, eventstore.Stream{Type: "webhook", ID: id}, commands.Moment{Version: 1})
	require.NoError(t, err)
	require.Contains(t, string(past.State), `"url":"https://example.com/hooks"`)
}

func TestATenantHasFiftyWebhooks(t *testing.T) {
	t.Parallel()
	f, owner, ctx := newFixture(t), uuid.New(), t.Context()
	var ids []string
	for i := range webhook.MaxPerTenant {
		r, err := f.RegisterWebhook(ctx, keyed(registerWebhook(owner, "s"), fmt.Sprint("key", i), "body"))
		require.NoError(t, err)
		require.Equal(t, i+1, r.State.Slot)
		ids = append(ids, r.State.ID)
	}
	_, err := f.RegisterWebhook(ctx, registerWebhook(owner, "s"))
	requireRefused(t, err, domain.KindConflict, "webhook.too_many")
	again, err := f.RegisterWebhook(ctx, keyed(registerWebhook(owner, "s"), "key7", "body"))
	require.NoError(t, err, "a repeat needs no slot")
	require.True(t, again.Replayed)
	_, err = f.RegisterWebhook(ctx, registerWebhook(uuid.New(), "s"))
	require.NoError(t, err, "each tenant has its own")

	_, err = f.DeleteWebhook(ctx, onWebhook(owner, ids[20], commands.DeleteWebhook{}))
	require.NoError(t, err)
	r, err := f.RegisterWebhook(ctx, registerWebhook(owner, "s"))
	require.NoError(t, err)
	require.Equal(t, 21, r.State.Slot, "the slot of the deleted one is free")
}

// Another process takes the slot between the look-up and the append.
func TestTwoRegistrationsAtOnce(t *testing.T) {
	t.Parallel()
	f, owner := newFixture(t), uuid.New()
	elsewhere := commands.New(f.deps())
	f.store.beforeAppend = func(ctx context.Context, _ eventstore.Append) error {
		f.store.beforeAppend = nil
		_, err := elsewhere.RegisterWebhook(ctx, registerWebhook(owner, "s1"))
		return err
	}
	r, err := f.RegisterWebhook(t.Context(), registerWebhook(owner, "s2"))
	require.NoError(t, err)
	require.Equal(t, 2, r.State.Slot)
	for slot := range 2 {
		_, held, err := f.memory.ClaimHolder(t.Context(), owner, webhook.SlotScope, strconv.Itoa(slot+1))
		require.NoError(t, err)
		require.True(t, held)
	}
}
