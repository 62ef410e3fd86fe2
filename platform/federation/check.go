package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
)

// Finding is the outcome of one check of a provider.
type Finding struct {
	Check   string // stable, e.g. "discovery"
	OK      bool
	Message string // what was found, or what to do; empty if there is nothing to say
}

// Check asks a provider what it offers and says what is wrong with that. It does
// not remember anything, and whether client and secret are right only a sign-in
// shows.
func (c *Client) Check(ctx context.Context, p Provider) []Finding {
	d, err := c.ask(ctx, p.Issuer)
	if err != nil {
		return []Finding{{"discovery", false, err.Error() + "; look whether " + p.Issuer + "/.well-known/openid-configuration can be read from here and names this very issuer"}}
	}
	doc := d.document
	asymmetric := slices.DeleteFunc(slices.Clone(doc.Algorithms), func(a string) bool { return a == "none" || len(a) > 2 && a[:2] == "HS" })
	findings := []Finding{
		{Check: "discovery", OK: true},
		finding("response_type", len(doc.ResponseTypes) == 0 || slices.Contains(doc.ResponseTypes, "code"), "the provider does not offer the authorization code flow; turn it on"),
		finding("pkce", slices.Contains(doc.Challenges, "S256"), "the provider does not say that it knows PKCE with S256, which is sent all the same"),
		finding("signature", len(asymmetric) > 0, "the provider signs ID tokens with a shared secret or not at all; choose RS256 or ES256"),
		finding("client_authentication", len(doc.AuthMethods) == 0 || slices.Contains(doc.AuthMethods, "client_secret_basic") || slices.Contains(doc.AuthMethods, "client_secret_post"),
			"the provider does not accept client secrets; turn client_secret_basic on"),
	}
	for _, scope := range p.Scopes {
		if len(doc.Scopes) > 0 && !slices.Contains(doc.Scopes, scope) {
			findings = append(findings, Finding{"scope", false, "the provider does not list the scope " + scope + "; leave it out, or define it there"})
		}
	}
	return append(findings, c.checkKeys(ctx, doc.KeysURL))
}

func finding(check string, ok bool, otherwise string) Finding {
	if ok {
		return Finding{Check: check, OK: true}
	}
	return Finding{check, false, otherwise}
}

func (c *Client) checkKeys(ctx context.Context, address string) Finding {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Finding{"keys", false, "the address of the keys is malformed"}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Finding{"keys", false, "the keys cannot be read: " + brief(err).Error()}
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&set) != nil || len(set.Keys) == 0 {
		return Finding{"keys", false, fmt.Sprintf("the address of the keys answers %d without any key", resp.StatusCode)}
	}
	return Finding{Check: "keys", OK: true}
}
