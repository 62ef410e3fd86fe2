package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/webhook"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	secret1 = webhook.Secret{ID: "s1", Fingerprint: "f1"}
	secret2 = webhook.Secret{ID: "s2", Fingerprint: "f2"}
	secret3 = webhook.Secret{ID: "s3", Fingerprint: "f3"}
	topics  = []webhook.Topic{{StreamType: "tenant"}, {Type: "order.paid", Actor: "operator"}}

	registered = webhook.Registered{ID: "w1", Slot: 3, URL: "https://example.com/hooks?k=1", Description: "d", Topics: topics, Filter: `type != "x"`, Secret: secret1, At: t0}
	disabled   = webhook.Disabled{Reason: "too slow", At: t1}
	deleted    = webhook.Deleted{Slot: 3, At: t1}
)

func target() webhook.Target {
	return webhook.Target{URL: registered.URL, Description: "d", Topics: topics, Filter: registered.Filter}
}

func given(history ...webhook.Event) webhook.State {
	var s webhook.State
	for _, e := range history {
		s = webhook.Apply(s, e)
	}
	return s
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []webhook.Event
	other := target()
	other.URL, other.Topics = "https://example.org/", nil
	replay := webhook.RequestReplay{ReplayID: "r1", FromPosition: 3, ToPosition: 9, Reason: " lost ", At: t1}
	for _, tc := range []struct {
		name  string
		given events
		when  webhook.Command
		then  events
		code  string // of the refusal
	}{
		{"register", nil, webhook.Register{ID: "w1", Slot: 3, Target: target(), Secret: secret1, At: t0}, events{registered}, ""},
		{"register twice", events{registered}, webhook.Register{ID: "w1", Slot: 4, Target: target(), Secret: secret1, At: t1}, nil, "webhook.already_exists"},
		{"register over a deleted one", events{registered, deleted}, webhook.Register{ID: "w1", Slot: 4, Target: target(), Secret: secret1, At: t1}, nil, "webhook.already_exists"},
		{"register without a slot", nil, webhook.Register{ID: "w1", Target: target(), Secret: secret1, At: t0}, nil, "webhook.too_many"},
		{"register in a slot too high", nil, webhook.Register{ID: "w1", Slot: 51, Target: target(), Secret: secret1, At: t0}, nil, "webhook.too_many"},
		{"register without a secret", nil, webhook.Register{ID: "w1", Slot: 3, Target: target(), At: t0}, nil, "webhook.command_invalid"},

		{"change", events{registered}, webhook.Change{Target: other, At: t1},
			events{webhook.Changed{URL: other.URL, Description: "d", Topics: []webhook.Topic{}, Filter: registered.Filter, At: t1}}, ""},
		{"change nothing", events{registered}, webhook.Change{Target: target(), At: t1}, nil, ""},
		{"change a deleted one", events{registered, deleted}, webhook.Change{Target: other, At: t1}, nil, "webhook.not_found"},
		{"change what does not exist", nil, webhook.Change{Target: other, At: t1}, nil, "webhook.not_found"},

		{"disable", events{registered}, webhook.Disable{Reason: " too slow\n", At: t1}, events{disabled}, ""},
		{"disable without a reason", events{registered}, webhook.Disable{Reason: " ", At: t1}, nil, "webhook.command_invalid"},
		{"disable twice", events{registered, disabled}, webhook.Disable{Reason: "again", At: t2}, nil, ""},
		{"enable", events{registered, disabled}, webhook.Enable{At: t2}, events{webhook.Enabled{At: t2}}, ""},
		{"enable an enabled one", events{registered}, webhook.Enable{At: t2}, nil, ""},

		{"rotate", events{registered}, webhook.RotateSecret{Secret: secret2, Overlap: time.Hour, At: t1},
			events{webhook.SecretRotated{Secret: secret2, PreviousUntil: t2, At: t1}}, ""},
		{"rotate while disabled", events{registered, disabled}, webhook.RotateSecret{Secret: secret2, At: t1},
			events{webhook.SecretRotated{Secret: secret2, PreviousUntil: t1, At: t1}}, ""},
		{"rotate with too long an overlap", events{registered}, webhook.RotateSecret{Secret: secret2, Overlap: 8 * 24 * time.Hour, At: t1}, nil, "webhook.command_invalid"},
		{"rotate to no secret", events{registered}, webhook.RotateSecret{At: t1}, nil, "webhook.command_invalid"},

		{"delete", events{registered}, webhook.Delete{At: t1}, events{deleted}, ""},
		{"delete twice", events{registered, deleted}, webhook.Delete{At: t2}, nil, "webhook.not_found"},

		{"re-drive", events{registered}, webhook.RequestRedrive{Reason: "fixed", At: t1}, events{webhook.RedriveRequested{Reason: "fixed", At: t1}}, ""},
		{"re-drive a disabled one", events{registered, disabled}, webhook.RequestRedrive{At: t2}, nil, "webhook.not_enabled"},
		{"replay", events{registered}, replay,
			events{webhook.ReplayRequested{ReplayID: "r1", FromPosition: 3, ToPosition: 9, Reason: "lost", At: t1}}, ""},
		{"replay a disabled one", events{registered, disabled}, replay, nil, "webhook.not_enabled"},
		{"replay from nothing", events{registered}, webhook.RequestReplay{ReplayID: "r1", ToPosition: 9, At: t1}, nil, "webhook.command_invalid"},
		{"replay backwards", events{registered}, webhook.RequestReplay{ReplayID: "r1", FromPosition: 9, ToPosition: 8, At: t1}, nil, "webhook.command_invalid"},
		{"replay without an id", events{registered}, webhook.RequestReplay{FromPosition: 1, ToPosition: 8, At: t1}, nil, "webhook.command_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			decided, err := webhook.Decide(given(tc.given...), tc.when)
			if tc.code != "" {
				domaintest.RequireRefused(t, err, tc.code)
				require.Empty(t, decided)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, decided)
		})
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := given(registered,
		webhook.SecretRotated{Secret: secret2, PreviousUntil: t1, At: t0},
		webhook.SecretRotated{Secret: secret3, PreviousUntil: t2, At: t1},
		webhook.Changed{URL: "https://example.org/", Filter: "f", At: t1},
		webhook.RedriveRequested{At: t2}, webhook.ReplayRequested{ReplayID: "r", FromPosition: 2, ToPosition: 3, At: t2}, disabled)
	require.Equal(t, webhook.State{
		ID: "w1", Slot: 3, URL: "https://example.org/", Filter: "f", Status: webhook.StatusDisabled, DisabledReason: "too slow",
		Secret: secret3, Previous: secret2, PreviousUntil: t2,
		Replay: webhook.Replay{ID: "r", FromPosition: 2, ToPosition: 3}, CreatedAt: t0, UpdatedAt: t1,
	}, s, "two secrets live at once, never three")
	s = webhook.Apply(s, webhook.Enabled{At: t2})
	require.Equal(t, webhook.StatusEnabled, s.Status)
	require.Empty(t, s.DisabledReason)
	require.Equal(t, webhook.StatusDeleted, webhook.Apply(s, deleted).Status)
}

func TestTargets(t *testing.T) {
	t.Parallel()
	with := func(change func(*webhook.Target)) webhook.Target {
		target := target()
		change(&target)
		return target
	}
	address := func(url string) webhook.Target { return with(func(t *webhook.Target) { t.URL = url }) }
	selecting := func(topics ...webhook.Topic) webhook.Target {
		return with(func(t *webhook.Target) { t.Topics = topics })
	}
	for name, tc := range map[string]struct {
		target  webhook.Target
		problem string // field and code of the first
	}{
		"address":        {address("https://example.com"), ""},
		"IP and port":    {address("https://[2001:db8::1]:8443/x%20y?z"), ""},
		"longest":        {address("https://example.com/" + strings.Repeat("x", 1980)), ""},
		"none":           {address(""), "/url required"},
		"too long":       {address("https://example.com/" + strings.Repeat("x", 1981)), "/url too_long"},
		"plain":          {address("http://example.com/"), "/url scheme"},
		"plain, allowed": {with(func(t *webhook.Target) { t.URL, t.PlainHTTP = "http://example.com/", true }), ""},
		"other scheme":   {with(func(t *webhook.Target) { t.URL, t.PlainHTTP = "ftp://example.com/", true }), "/url scheme"},
		"file":           {address("file:///etc/passwd"), "/url malformed"},
		"relative":       {address("/hooks"), "/url malformed"},
		"opaque":         {address("https:example.com"), "/url malformed"},
		"no host":        {address("https://:443/"), "/url malformed"},
		"bad escape":     {address("https://example.com/%zz"), "/url malformed"},
		"password":       {address("https://user:secret@example.com/"), "/url credentials"},
		"fragment":       {address("https://example.com/#x"), "/url fragment"},
		"empty fragment": {address("https://example.com/#"), "/url fragment"},
		"port 0":         {address("https://example.com:0/"), "/url port"},
		"port too high":  {address("https://example.com:65536/"), "/url port"},
		"space":          {address("https://example.com/a b"), "/url invalid_characters"},
		"line break":     {address("https://example.com/\r\nX: y"), "/url invalid_characters"},
		"not ASCII":      {address("https://exämple.com/"), "/url invalid_characters"},

		"long description": {with(func(t *webhook.Target) { t.Description = strings.Repeat("ä", 501) }), "/description too_long"},
		"two-line one":     {with(func(t *webhook.Target) { t.Description = "a\nb" }), "/description invalid_characters"},

		"most topics":     {selecting(make50()...), ""},
		"too many topics": {selecting(append(make50(), webhook.Topic{Type: "x"})...), "/topics too_many"},
		"empty topic":     {selecting(webhook.Topic{Type: "x"}, webhook.Topic{}), "/topics/1 required"},
		"long field":      {selecting(webhook.Topic{Actor: strings.Repeat("x", 256)}), "/topics/0/actor too_long"},
		"odd field":       {selecting(webhook.Topic{StreamID: "a\x00"}), "/topics/0/stream_id invalid_characters"},

		"longest filter": {with(func(t *webhook.Target) { t.Filter = strings.Repeat("x", webhook.MaxFilter) }), ""},
		"long filter":    {with(func(t *webhook.Target) { t.Filter = strings.Repeat("x", webhook.MaxFilter+1) }), "/filter too_long"},
		"odd filter":     {with(func(t *webhook.Target) { t.Filter = "\xff" }), "/filter invalid_characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.Decide(webhook.State{}, webhook.Register{ID: "w1", Slot: 1, Target: tc.target, Secret: secret1, At: t0})
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			field := domaintest.RequireRefused(t, err, "webhook.command_invalid").Fields[0]
			require.Equal(t, tc.problem, field.Field+" "+field.Code)
		})
	}
}

func TestAPlainAddressStaysWhenTheSettingIsGone(t *testing.T) {
	t.Parallel()
	plain := registered
	plain.URL = "http://10.1.2.3/"
	change := webhook.Change{Target: target(), At: t1}
	change.Target.URL, change.Target.Description = plain.URL, "other"
	events, err := webhook.Decide(given(plain), change)
	require.NoError(t, err)
	require.Len(t, events, 1)
	change.Target.URL = "http://10.1.2.4/"
	_, err = webhook.Decide(given(plain), change)
	domaintest.RequireRefused(t, err, "webhook.command_invalid")
}

func make50() []webhook.Topic {
	topics := make([]webhook.Topic, webhook.MaxTopics)
	for i := range topics {
		topics[i] = webhook.Topic{Type: strings.Repeat("x", i+1)}
	}
	return topics
}
