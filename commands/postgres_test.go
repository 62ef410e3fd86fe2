package commands_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// TestOwnersOfARealTenant lets all owners of a tenant be removed at once, by two
// processes on one database: exactly one stays.
func TestOwnersOfARealTenant(t *testing.T) {
	t.Parallel()
	pool, tenant := postgrestest.New(t), uuid.New()
	process := func() *commands.Commands {
		store := postgres.New(pool, postgres.Options{})
		require.NoError(t, store.Start(context.Background()))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			require.NoError(t, store.Stop(ctx))
		})
		return commands.New(commands.Deps{
			Store: store, Snapshots: store, Logger: slog.New(slog.DiscardHandler), EmailIndex: emailIndex,
			Codec: eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(pool, [32]byte{1})),
		})
	}
	processes := []*commands.Commands{process(), process()}
	var owners []string
	for range 6 {
		email := uuid.NewString() + "@example.com"
		u, err := processes[0].RegisterUser(t.Context(), request("", commands.RegisterUser{Email: email, Name: "Owner"}))
		require.NoError(t, err)
		i, err := processes[0].CreateInvite(t.Context(), in(tenant, "", commands.CreateInvite{Email: email, Roles: []string{"owner"}, TokenID: "k"}))
		require.NoError(t, err)
		_, err = processes[1].AcceptInvite(t.Context(), in(tenant, i.State.ID, commands.AcceptInvite{UserID: u.State.UserID}))
		require.NoError(t, err)
		owners = append(owners, u.State.UserID)
	}

	results := make([]error, len(owners))
	var all sync.WaitGroup
	for i, owner := range owners {
		all.Go(func() {
			_, results[i] = processes[i%2].RemoveMember(t.Context(), in(tenant, owner, commands.RemoveMember{}))
		})
	}
	all.Wait()
	stayed := 0
	for _, err := range results {
		if refusal := (*domain.Error)(nil); errors.As(err, &refusal) {
			require.Equal(t, "member.last_owner", refusal.Code)
			stayed++
			continue
		}
		require.NoError(t, err)
	}
	require.Equal(t, 1, stayed)
}
