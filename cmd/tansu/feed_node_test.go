package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/sdk/go/feed"
)

func createdTenant(t *testing.T, env []string, slug string) (id string) {
	t.Helper()
	code, stdout, stderr := invoke(t, env, "tenants", "create", slug, "--name", slug, "-o", "jsonl")
	require.Zero(t, code, stderr)
	return decoded[tenantInfo](t, result{stdout: stdout}).ID
}

func TestTailFollowsANodeThroughACrash(t *testing.T) {
	t.Parallel()
	env := append(serveEnv(t, postgrestest.NewDSN(t)), "TANSU_NODE_ID=one") // which takes its own leases at once
	p := startProgram(t, env, "serve").ready()
	client := []string{"TANSU_SERVER=" + p.url, "TANSU_TOKEN=brought-along-token"}
	tail := startProgram(t, client, "events", "tail", "--from", "1", "-o", "jsonl")
	shows := func(id string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(tail.stdout.String(), `"subject":"tenant/`+id) }, 2*time.Minute, 5*time.Millisecond, "%s", tail.stderr)
	}
	shows(createdTenant(t, client, "before"))
	p.signal(syscall.SIGKILL)
	p.wait()
	startProgram(t, env, "serve").ready()
	shows(createdTenant(t, client, "after"))
	tail.signal(os.Interrupt)
	require.Equal(t, exitInterrupted, tail.wait())
	shown := positions(t, tail.stdout.String())
	require.Equal(t, upTo(int64(len(shown))), shown)
	require.Contains(t, tail.stderr.String(), "connection lost")
	require.Contains(t, tail.stderr.String(), "connected again")
}

func TestASnapshotIsFollowedByWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	p := startProgram(t, serveEnv(t, postgrestest.NewDSN(t)), "serve").ready()
	env := []string{"TANSU_SERVER=" + p.url, "TANSU_TOKEN=brought-along-token"}
	want := []string{createdTenant(t, env, "one"), createdTenant(t, env, "two")}
	var rows []tenantInfo
	client := feed.Client{URL: p.url, Token: feed.StaticToken("brought-along-token")}
	for e, err := range client.Subscribe(t.Context(), feed.Subscription{
		Filter: `type == "tenant.created"`,
		From: feed.Snapshot("tenants", func(raw []json.RawMessage, position int64) error {
			require.Positive(t, position)
			for _, row := range raw {
				rows = append(rows, decoded[tenantInfo](t, result{stdout: string(row)}))
			}
			return nil
		}),
		OnSubscribed: func(int64) { want = append(want, createdTenant(t, env, "three")) },
	}) {
		require.NoError(t, err)
		require.Equal(t, want[2], e.StreamID, "the first event is the first after the rows")
		break
	}
	require.Len(t, rows, 2)
	require.ElementsMatch(t, want[:2], []string{rows[0].ID, rows[1].ID})
	require.Contains(t, []string{"provisioning", "active"}, rows[0].Status)

	for _, err := range client.Subscribe(t.Context(), feed.Subscription{Filter: "typo == 1"}) {
		refused := new(feed.Error)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "filter_invalid", refused.Code)
		require.Equal(t, "/filter", refused.Fields[0].Pointer)
	}
}
