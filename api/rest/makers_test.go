package rest_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever removes somebody finds what they have made, which stays.
func TestWhoMadeSomethingIsShownAndFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada, eve := r.person("ada", "acme", "admin"), r.person("eve", "acme", "admin")
	adas, eves := "user:"+ada.user.String(), "user:"+eve.user.String()
	for path, body := range map[string]string{
		"/v1/api-keys":         `{"name":"ci","permissions":["events.read"]}`,
		"/v1/invites":          `{"email":"bob@example.com","roles":["viewer"]}`,
		"/v1/service-accounts": `{"name":"Billing","roles":["viewer"]}`,
	} {
		for who, auth := range map[string]string{adas: ada.auth, eves: eve.auth} {
			if path == "/v1/invites" {
				body = `{"email":"` + who[5:] + `@example.com","roles":["viewer"]}`
			}
			made := r.send("POST", path, body, auth).ok(201)
			require.Equal(t, who, made["created_by"], path)
			require.Equal(t, who, r.send("GET", path+"/"+made["id"].(string), "", eve.auth).ok(200)["created_by"], path)
		}
		require.Equal(t, 204, r.send("DELETE", "/v1/members/"+ada.user.String(), "", "X-Tenant-Id: acme").Code)
		require.Len(t, r.send("GET", path, "", eve.auth).ok(200)["items"], 2, path)
		theirs := r.send("GET", path+"?created_by="+url.QueryEscape(adas), "", eve.auth).ok(200)["items"].([]any)
		require.Len(t, theirs, 1, path)
		require.Equal(t, adas, theirs[0].(map[string]any)["created_by"], path)
		require.Empty(t, r.send("GET", path+"?created_by=operator", "", eve.auth).ok(200)["items"], path)
		r.send("POST", "/v1/members", `{"user_id":"`+ada.user.String()+`","roles":["admin"]}`, "X-Tenant-Id: acme").ok(201)
		r.forget()
	}
	r.send("POST", "/v1/api-keys", `{"name":"ci2","permissions":["events.read"]}`, eve.auth).ok(201)
	page := r.send("GET", "/v1/api-keys?limit=1&created_by="+url.QueryEscape(eves), "", eve.auth).ok(200)
	cursor := "&cursor=" + url.QueryEscape(page["next_cursor"].(string))
	require.Len(t, r.send("GET", "/v1/api-keys?limit=1&created_by="+url.QueryEscape(eves)+cursor, "", eve.auth).ok(200)["items"], 1)
	r.send("GET", "/v1/api-keys?limit=1&created_by="+url.QueryEscape(adas)+cursor, "", eve.auth).problem(400, "cursor_invalid")
}
