package rest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// predicates say what events tell, after the name of who acted. {x} stands for
// the field x of the event's data, in quotes; {user} for the person whom the
// event is about; {roles} for a list.
var predicates = map[string]string{
	"tenant.created":                    "created the tenant {name}",
	"tenant.renamed":                    "renamed the tenant to {name}",
	"tenant.settings_changed":           "changed the settings of the tenant",
	"tenant.quotas_changed":             "changed the quotas of the tenant",
	"tenant.provisioning_started":       "had the tenant prepared",
	"tenant.provisioning_step_done":     "did the step {step} of preparing the tenant",
	"tenant.provisioning_failed":        "could not do the step {step} of preparing the tenant",
	"tenant.provisioning_resumed":       "went on preparing the tenant",
	"tenant.provisioned":                "prepared the tenant",
	"space.opened":                      "opened the tenant's space",
	"space.origins_changed":             "changed from which pages the tenant may be used",
	"tenant.suspended":                  "suspended the tenant",
	"tenant.reactivated":                "reactivated the tenant",
	"tenant.archived":                   "archived the tenant",
	"member.added":                      "made {user} a member with the roles {roles}",
	"member.roles_changed":              "gave {user} the roles {roles} in place of others",
	"member.roles_mapped":               "gave {user} the roles {roles} by the groups at an identity provider",
	"member.removed":                    "removed {user} from the tenant",
	"ownership.granted":                 "made {user} an owner",
	"ownership.released":                "took the ownership from {user}",
	"role.created":                      "created the role {title}",
	"role.changed":                      "changed the role {title}",
	"role.deleted":                      "deleted a role",
	"invite.created":                    "invited a person with the roles {roles}",
	"invite.resent":                     "sent an invite again",
	"invite.revoked":                    "revoked an invite",
	"invite.accepted":                   "accepted an invite",
	"api_key.created":                   "created the API key {name}",
	"api_key.renamed":                   "renamed an API key to {name}",
	"api_key.revoked":                   "revoked an API key",
	"service_account.created":           "created the service account {name} with the roles {roles}",
	"service_account.changed":           "changed the service account {name}; its roles are {roles}",
	"service_account.secret_rotated":    "rotated the secret of a service account",
	"service_account.disabled":          "disabled a service account",
	"service_account.enabled":           "enabled a service account",
	"service_account.deleted":           "deleted a service account",
	"client.registered":                 "registered the client {name}",
	"client.changed":                    "changed the client {name}",
	"client.secret_rotated":             "rotated the secret of a client",
	"client.disabled":                   "disabled a client",
	"client.enabled":                    "enabled a client",
	"client.deleted":                    "deleted a client",
	"user.registered":                   "registered {user}",
	"user.email_verified":               "verified the e-mail address of {user}",
	"user.renamed":                      "renamed {user}",
	"user.password_set":                 "set the password of {user}",
	"user.totp_enabled":                 "turned on the authenticator app of {user}",
	"user.totp_disabled":                "turned off the authenticator app of {user}",
	"user.recovery_codes_made":          "made new recovery codes for {user}",
	"user.passkey_added":                "added a passkey of {user}",
	"user.passkey_renamed":              "renamed a passkey of {user}",
	"user.passkey_removed":              "removed a passkey of {user}",
	"user.identity_linked":              "linked an identity to {user}",
	"user.identity_unlinked":            "unlinked an identity from {user}",
	"user.disabled":                     "disabled {user}",
	"user.enabled":                      "enabled {user}",
	"user.erased":                       "erased a user",
	"session.started":                   "signed in",
	"session.ended":                     "ended a session of {user}",
	"identity_provider.added":           "added an identity provider at {issuer}",
	"identity_provider.changed":         "changed an identity provider",
	"identity_provider.secret_changed":  "changed the secret of an identity provider",
	"identity_provider.enabled":         "enabled an identity provider",
	"identity_provider.disabled":        "disabled an identity provider",
	"identity_provider.removed":         "removed an identity provider",
	"identity_provider.domain_added":    "named the e-mail domain {domain}",
	"identity_provider.domain_verified": "verified the e-mail domain {domain}",
	"identity_provider.domain_removed":  "removed the e-mail domain {domain}",
	"mail_domain.held":                  "led the e-mail domain {domain} to a tenant",
	"mail_domain.released":              "released the e-mail domain {domain}",
	"webhook.registered":                "registered a webhook to {url}",
	"webhook.changed":                   "changed a webhook; it sends to {url}",
	"webhook.enabled":                   "enabled a webhook",
	"webhook.disabled":                  "disabled a webhook",
	"webhook.secret_rotated":            "rotated the secret of a webhook",
	"webhook.deleted":                   "deleted a webhook",
	"webhook.redrive_requested":         "asked for the failed deliveries of a webhook to be sent again",
	"webhook.replay_requested":          "asked for a part of the log to be delivered to a webhook again",
	"subject.erased":                    "erased the personal data of a data subject",
}

// sentence tells an event. Of a type that this program does not know it says what
// the type's name says.
func sentence(a Activity, data map[string]any, names map[string]string) string {
	predicate, known := predicates[a.Type]
	if !known {
		kind, what, _ := strings.Cut(a.Type, ".")
		readable := strings.NewReplacer("_", " ", ".", " ")
		return fmt.Sprintf("%s: %s %s.", a.ActorName, readable.Replace(kind), readable.Replace(what))
	}
	text := a.ActorName + " "
	for {
		before, rest, more := strings.Cut(predicate, "{")
		text += before
		if !more {
			return text + "."
		}
		var field string
		field, predicate, _ = strings.Cut(rest, "}")
		text += worded(field, a, data, names)
	}
}

func worded(field string, a Activity, data map[string]any, names map[string]string) string {
	switch field {
	case "user":
		id, _ := data["user_id"].(string)
		if about := "user:" + id; about == a.Actor {
			return "themselves"
		} else if name := names[about]; name != "" && name != "A former user" {
			return name
		}
		return "a former user"
	case "roles":
		list, _ := data["roles"].([]any)
		words := make([]string, len(list))
		for i, role := range list {
			words[i] = fmt.Sprint(role)
		}
		return strings.Join(words, ", ")
	}
	text, _ := data[field].(string)
	return quoted(text)
}

func quoted(s string) string { return "“" + s + "”" }

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
