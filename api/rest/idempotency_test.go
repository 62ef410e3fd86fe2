package rest_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

func TestARepeatGetsTheStoredAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const body = `{"slug":"acme","name":"A","settings":{"b":1,"a":2}}`
	first := r.send("POST", "/v1/tenants", body, "Idempotency-Key: k1")
	created := first.ok(201)
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`).ok(200)

	// formatted and ordered in another way, but the same request
	again := r.send("POST", "/v1/tenants", ` { "settings": {"a":2,"b":1}, "name":"A", "slug":"acme" } `, "Idempotency-Key: k1")
	require.Equal(t, created, again.ok(201))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	for _, h := range []string{"ETag", "Location", "Tansu-Position"} {
		require.Equal(t, first.Header().Get(h), again.Header().Get(h), h)
	}
	require.Equal(t, []string{"tenant.created", "tenant.renamed"}, r.events(0))
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("other")
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`, "Idempotency-Key: k", `If-Match: "1"`).ok(200)
	before := r.position()

	r.send("PUT", "/v1/tenants/acme/name", `{"name":"C"}`, "Idempotency-Key: k", `If-Match: "1"`).problem(422, "idempotency_key_reused")
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`, "Idempotency-Key: k", `If-Match: "2"`).problem(422, "idempotency_key_reused")
	r.send("PUT", "/v1/tenants/other/name", `{"name":"B"}`, "Idempotency-Key: k", `If-Match: "1"`).problem(422, "idempotency_key_reused")
	require.Equal(t, "true", r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`, "Idempotency-Key: k", `If-Match: "1"`).Header().Get("Idempotency-Replayed"))
	require.Empty(t, r.events(before))

	// the same key on another route is another key
	r.send("PUT", "/v1/tenants/acme/settings", `{"settings":{"a":1}}`, "Idempotency-Key: k").ok(200)
	require.Equal(t, []string{"tenant.settings_changed"}, r.events(before))
}

func TestACommandWithoutEventsIsRememberedToo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	first := r.send("PUT", "/v1/tenants/acme/name", `{"name":"Tenant acme"}`, "Idempotency-Key: k")
	first.ok(200)
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`).ok(200)
	again := r.send("PUT", "/v1/tenants/acme/name", `{"name":"Tenant acme"}`, "Idempotency-Key: k")
	require.Equal(t, first.json(), again.ok(200))
	require.Equal(t, []string{"tenant.created", "tenant.renamed"}, r.events(0))
}

func TestARefusedCommandKeepsItsKeyFree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send("POST", "/v1/tenants", `{"slug":"A","name":"A"}`, "Idempotency-Key: k").problem(422, "tenant.slug_invalid")
	r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Idempotency-Key: k").ok(201)
}

// heldStore lets appends begin but not end.
type heldStore struct {
	*memory.Store
	started, finish chan struct{}
}

func (s heldStore) Append(ctx context.Context, a eventstore.Append) (eventstore.Appended, error) {
	close(s.started)
	<-s.finish
	return s.Store.Append(ctx, a)
}

func TestWhileTheFirstRuns(t *testing.T) {
	t.Parallel()
	held := heldStore{started: make(chan struct{}), finish: make(chan struct{})}
	r := newRig(t, func(d *rest.Deps) {
		held.Store = d.Log.(*memory.Store)
		d.Commands = commands.New(commands.Deps{
			Store: held, Snapshots: held, Codec: eventstore.NewCodec(commands.Registry(), held), Logger: slog.New(slog.DiscardHandler),
		})
	})
	create := func() answer {
		return r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Idempotency-Key: k")
	}
	first := make(chan answer)
	go func() { first <- create() }()
	<-held.started
	second := create()
	second.problem(409, "idempotency_in_flight")
	require.Equal(t, "1", second.Header().Get("Retry-After"))
	close(held.finish)
	created := (<-first).ok(201)
	require.Equal(t, created, create().ok(201), "afterwards it is a replay")
	require.EqualValues(t, 1, r.position())
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, key := range []string{"", "k", "6f1c2a9e-7d1e-7c4b-9a51-3f0c1b2d4e5f", "a b", "ключ", "\x00", strings.Repeat("k", 255), strings.Repeat("k", 256), `"quoted"`} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		r := newRig(t)
		first := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Idempotency-Key: "+key)
		if first.Code >= 400 {
			require.Less(t, first.Code, 500)
			require.Zero(t, r.position())
			return
		}
		again := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Idempotency-Key: "+key)
		if strings.TrimSpace(key) == "" {
			again.problem(409, "tenant.slug_taken")
			return
		}
		require.Equal(t, first.json(), again.ok(201))
		require.EqualValues(t, 1, r.position())
	})
}
