package tenant

import (
	"strings"

	"tansu.cloud/domain"
)

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("tenant.not_found", "there is no such tenant")
	ErrAlreadyExists = domain.Conflict("tenant.already_exists", "a tenant with this id exists; leave the id out to get a new one",
		domain.FieldError{Field: "/id", Code: "taken", Message: "is the id of another tenant"})
	ErrArchived     = domain.Conflict("tenant.archived", "the tenant is archived, which is final")
	ErrNotActive    = domain.Conflict("tenant.not_active", "the tenant is suspended already")
	ErrNotSuspended = domain.Conflict("tenant.not_suspended", "only a suspended tenant can be reactivated")
	ErrProvisioned  = domain.Conflict("tenant.provisioned", "there is nothing to resume: the tenant is provisioned")
	ErrStepUnknown  = domain.Invalid("tenant.step_unknown", "the tenant's provisioning has no such step")
	ErrStepTooEarly = domain.Conflict("tenant.step_too_early", "the steps of provisioning before this one are not done")
	ErrSlugTaken    = domain.Conflict("tenant.slug_taken", "the slug belongs to another tenant; choose another one",
		domain.FieldError{Field: "/slug", Code: "taken", Message: "belongs to another tenant"})
)

// CheckAdminEmail refuses an address that who checks addresses has found wrong.
func CheckAdminEmail(_ string, problems []domain.FieldError) error {
	for i := range problems {
		problems[i].Field = "/admin_email"
	}
	return invalid(problems)
}

// invalid refuses a command that has field errors; codes says which stable code
// stands for an error in which field, and the first error's field decides.
func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	field := fields[0].Field
	if strings.HasPrefix(field, "/quotas/") {
		field = "/quotas"
	}
	code := map[string]string{
		"/id": "tenant.id_invalid", "/slug": "tenant.slug_invalid", "/name": "tenant.name_invalid",
		"/settings": "tenant.settings_invalid", "/reason": "tenant.reason_invalid",
		"/quotas": "tenant.quotas_invalid", "/admin_email": "tenant.admin_email_invalid",
	}[field]
	return domain.Invalid(code, "the command has invalid fields", fields...)
}
