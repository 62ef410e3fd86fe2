package webhook

import "tansu.cloud/domain"

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("webhook.not_found", "there is no such webhook")
	ErrAlreadyExists = domain.Conflict("webhook.already_exists", "a webhook with this id exists or existed")
	ErrNotEnabled    = domain.Conflict("webhook.not_enabled", "the webhook is disabled; enable it first")
	ErrTooMany       = domain.Conflict("webhook.too_many", "a tenant has at most 50 webhooks; delete one, or let one serve several topics")
	ErrSlotTaken     = domain.Conflict("webhook.slot_taken", "another webhook was registered at the same moment; repeat the request")
)

// invalid refuses a command that has field errors.
func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("webhook.command_invalid", "the command has invalid fields", fields...)
}

// InvalidFilter refuses a filter that cannot be read; the message says why.
func InvalidFilter(message string) error {
	return domain.Invalid("webhook.filter_invalid", "the filter is not an expression that events can be matched against",
		domain.FieldError{Field: "/filter", Code: "syntax", Message: message})
}
