package space_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain"
	"tansu.cloud/domain/space"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func given(t *testing.T, events ...space.Event) (s space.State) {
	t.Helper()
	for _, e := range events {
		s = space.Apply(s, e)
	}
	return s
}

func TestOriginsAreReplaced(t *testing.T) {
	t.Parallel()
	when := func(s space.State, origins ...string) []space.Event {
		events, err := space.Decide(s, space.ChangeOrigins{Origins: origins, At: at})
		require.NoError(t, err)
		return events
	}
	opened := given(t, space.Opened{TenantID: "t", StoragePrefix: "p", At: at})
	then := when(opened, "https://b.example.com", "https://a.example.com")
	require.Equal(t, []space.Event{space.OriginsChanged{[]string{"https://a.example.com", "https://b.example.com"}, at}}, then)
	changed := given(t, space.Opened{TenantID: "t", StoragePrefix: "p", At: at}, then[0])
	require.Equal(t, "p", changed.StoragePrefix)

	require.Empty(t, when(changed, "https://a.example.com", "https://b.example.com"), "the same in another order")
	require.Equal(t, []space.Event{space.OriginsChanged{[]string{}, at}}, when(changed), "none")
	require.Empty(t, when(opened), "as before")

	unopened := given(t, then[0], space.Opened{TenantID: "t", At: at})
	require.Len(t, unopened.Origins, 2, "a space that is opened later keeps them")
}

func TestWhatIsNoOriginIsRefused(t *testing.T) {
	t.Parallel()
	for text, sound := range map[string]bool{
		"https://app.example.com":                         true,
		"https://app.example.com:8443":                    true,
		"https://xn--bcher-kva.example":                   true,
		"https://localhost":                               true,
		"http://localhost:3000":                           true,
		"http://app.localhost":                            true,
		"http://127.0.0.1:5173":                           true,
		"http://[::1]:8080":                               true,
		"https://192.0.2.7":                               true,
		"https://[2001:db8::1]":                           true,
		"https://" + strings.Repeat("a", 63) + ".example": true,

		"":                              false,
		"null":                          false,
		"*":                             false,
		"https://*":                     false,
		"https://*.example.com":         false,
		"http://app.example.com":        false,
		"http://127.0.0.1.example.com":  false,
		"http://localhost.example.com":  false,
		"http://192.0.2.7":              false,
		"ftp://app.example.com":         false,
		"app.example.com":               false,
		"https:app.example.com":         false,
		"https:///app.example.com":      false,
		"https://":                      false,
		"https://App.example.com":       false,
		"HTTPS://app.example.com":       false,
		"https://app.example.com/":      false,
		"https://app.example.com/a":     false,
		"https://app.example.com?":      false,
		"https://app.example.com#":      false,
		"https://app.example.com:443":   false,
		"http://localhost:80":           false,
		"https://app.example.com:":      false,
		"https://app.example.com:0":     false,
		"https://app.example.com:08443": false,
		"https://app.example.com:65536": false,
		"https://app.example.com.":      false,
		"https://ada@app.example.com":   false,
		"https://app.example.com, https://b.example.com":   false,
		"https://bücher.example":                           false,
		"https://app_1.example.com":                        false,
		"https://-app.example.com":                         false,
		"https://127.1":                                    false,
		"https://[::ffff:192.0.2.7%25eth0]":                false,
		"https://[2001:0db8::1]":                           false,
		"https://2001:db8::1":                              false,
		" https://app.example.com":                         false,
		"https://app.example.com\x00":                      false,
		"https://" + strings.Repeat("a", 64) + ".example":  false,
		"https://" + strings.Repeat("a.", 130) + "example": false,
	} {
		require.Equal(t, sound, space.IsOrigin(text), text)
		_, err := space.Decide(space.State{}, space.ChangeOrigins{Origins: []string{"https://ok.example.com", text}, At: at})
		if sound {
			require.NoError(t, err, text)
			continue
		}
		var refusal *domain.Error
		require.ErrorAs(t, err, &refusal, text)
		require.Equal(t, "space.origins_invalid", refusal.Code)
		require.Equal(t, "/origins/1", refusal.Fields[0].Field)
	}
}

func TestOriginsAreFewAndDiffer(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range space.MaxOrigins + 1 {
		many = append(many, fmt.Sprintf("https://a%02d.example.com", i))
	}
	_, err := space.Decide(space.State{}, space.ChangeOrigins{Origins: many[1:], At: at})
	require.NoError(t, err)
	for code, origins := range map[string][]string{"too_many": many, "repeated": {many[0], many[1], many[0]}} {
		_, err := space.Decide(space.State{}, space.ChangeOrigins{Origins: origins, At: at})
		var refusal *domain.Error
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, code, refusal.Fields[0].Code)
	}
}
