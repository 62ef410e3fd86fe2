package docs_test

import (
	"fmt"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/problem"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/ownership"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/session"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/job"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/space"
	"tansu.cloud/domain/subject"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// TestEveryEventIsInTheCatalogue: type, schema version and each field of data.
func TestEveryEventIsInTheCatalogue(t *testing.T) {
	t.Parallel()
	sections := sections(read(t, "events.md"))
	for _, e := range events() {
		heading := fmt.Sprintf("`%s` · version %d", e.EventType(), e.SchemaVersion())
		section, ok := sections[heading]
		if !ok {
			t.Errorf("events.md has no section %q", heading)
			continue
		}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(e)) {
			if field.Anonymous {
				continue // its own fields follow
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("events.md, %s: field %s is missing", heading, name)
			}
		}
	}
}

// TestEveryProblemIsExplained: the codes of the interface with their status, and
// whatever code the domain and the commands can refuse with.
func TestEveryProblemIsExplained(t *testing.T) {
	t.Parallel()
	text := read(t, "problems.md")
	sections := sections(text)
	for _, e := range slices.Concat(problem.Catalogue(), problem.FeedCatalogue()) {
		if heading := fmt.Sprintf("`%s` · %d", e.Code, e.Status); sections[heading] == "" {
			t.Errorf("problems.md has no section %q", heading)
		}
	}
	codes := refusalCodes(t, "../domain", "../commands")
	require.NotEmpty(t, codes)
	for code, place := range codes {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("%s refuses with %s, which problems.md does not explain", place, code)
		}
	}
}

func events() []eventstore.Payload {
	var all []eventstore.Payload
	for _, e := range tenant.Events() {
		all = append(all, e)
	}
	for _, e := range space.Events() {
		all = append(all, e)
	}
	for _, e := range projection.Events() {
		all = append(all, e)
	}
	for _, e := range subject.Events() {
		all = append(all, e)
	}
	for _, e := range job.Events() {
		all = append(all, e)
	}
	for _, e := range webhook.Events() {
		all = append(all, e)
	}
	return slices.Concat(all, payloads(user.Events()), payloads(session.Events()), payloads(member.Events()), payloads(ownership.Events()),
		payloads(role.Events()), payloads(invite.Events()), payloads(apikey.Events()), payloads(serviceaccount.Events()), payloads(client.Events()),
		payloads(provider.Events()), payloads(maildomain.Events()))
}

func payloads[E eventstore.Payload](events []E) (all []eventstore.Payload) {
	for _, e := range events {
		all = append(all, e)
	}
	return all
}

// refusalCodes finds the text constants that have the form of a domain's code
// and are no event type, with the place of each.
func refusalCodes(t *testing.T, roots ...string) map[string]string {
	t.Helper()
	other := map[string]bool{
		tenant.SlugScope: true, webhook.SlotScope: true, role.SlotScope: true, apikey.SlotScope: true, serviceaccount.SlotScope: true, provider.SlotScope: true,
	}
	for _, e := range events() {
		other[e.EventType()] = true
	}
	form := regexp.MustCompile(`^(tenant|projection|dead_letter|subject|job|webhook|user|session|member|ownership|role|invite|api_key|service_account|client|grant|identity_provider|mail_domain|space|stream)\.[a-z_]+$`)
	codes := map[string]string{}
	for _, root := range roots {
		eachText(t, root, func(text string, at token.Position) {
			if form.MatchString(text) && !other[text] {
				codes[text] = at.String()
			}
		})
	}
	return codes
}

// sections maps each third-level heading of a page to its text.
func sections(page string) map[string]string {
	found := map[string]string{}
	for _, part := range strings.Split("\n"+page, "\n### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		found[heading] = body
	}
	return found
}
