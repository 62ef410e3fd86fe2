package jobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Lease: time.Millisecond, Grace: -1, Kinds: map[string]Kind{
		"": {Handle: func(context.Context, Delivery) error { return nil }}, "mail": {Workers: 2, PerTenant: 3, Delays: []time.Duration{-1}},
	}})
	for _, text := range []string{
		"Pool is missing", "NodeID is missing", "Lease is 1ms", "Grace is -1ns", `kind "" must have 1 to 100 bytes`,
		`kind "mail": Handle is missing`, `kind "mail": Workers is 2 and PerTenant 3`, `kind "mail": the delay -1ns is negative`,
	} {
		require.ErrorContains(t, err, text)
	}
}

func TestDelaysGrowOverAboutADay(t *testing.T) {
	t.Parallel()
	k := Kind{}
	k.setDefaults()
	c := newCrew("mail", k)
	var sum time.Duration
	boom := errors.New("boom")
	for attempt := 1; attempt <= 7; attempt++ {
		base := k.Delays[attempt-1]
		spread := map[time.Duration]bool{}
		for range 50 {
			delay, dead := c.next(Delivery{Attempt: attempt}, boom)
			require.False(t, dead)
			require.InDelta(t, base.Seconds(), delay.Seconds(), base.Seconds()/10)
			spread[delay] = true
		}
		require.Greater(t, len(spread), 10, "jitter")
		sum += base
	}
	require.InDelta(t, 24, sum.Hours(), 1)
	_, dead := c.next(Delivery{Attempt: 8, LastAttempt: true}, boom)
	require.True(t, dead)

	delay, dead := c.next(Delivery{Attempt: 1}, After(time.Hour, boom))
	require.Equal(t, time.Hour, delay)
	require.False(t, dead)
	delay, _ = c.next(Delivery{Attempt: 1}, After(-time.Hour, boom))
	require.Zero(t, delay)
	_, dead = c.next(Delivery{Attempt: 8, LastAttempt: true}, After(time.Hour, boom))
	require.True(t, dead, "attempts are used up all the same")
	for _, err := range []error{Dead(boom), After(time.Hour, Dead(boom)), errors.Join(boom, Dead(boom))} {
		_, dead = c.next(Delivery{Attempt: 1}, err)
		require.True(t, dead)
		require.ErrorIs(t, err, boom)
	}
}

func TestWhoWaitsLongerIsServedFirst(t *testing.T) {
	t.Parallel()
	k := Kind{Workers: 2, PerTenant: 1}
	c := newCrew("mail", k)
	a, b := [16]byte{1}, [16]byte{2}
	engaged := func(p *place) bool {
		select {
		case <-p.engaged:
			return true
		default:
			return false
		}
	}
	a1, a2, a3, b1 := c.lineUp(a), c.lineUp(a), c.lineUp(a), c.lineUp(b)
	require.True(t, engaged(a1))
	require.False(t, engaged(a2), "one at a time of a tenant")
	require.True(t, engaged(b1), "past those who may not")
	b2 := c.lineUp(b)
	c.free(b)
	require.True(t, engaged(b2))
	c.giveUp(a2)
	c.free(a)
	require.True(t, engaged(a3), "who gave up is passed over")
	c.giveUp(a3)
	c.giveUp(b2)
	require.Zero(t, c.running())
	require.Empty(t, c.busy)
}
