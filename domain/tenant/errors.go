package tenant

import "tansu.cloud/domain"

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("tenant.not_found", "there is no such tenant")
	ErrAlreadyExists = domain.Conflict("tenant.already_exists", "a tenant with this id exists; leave the id out to get a new one",
		domain.FieldError{Field: "/id", Code: "taken", Message: "is the id of another tenant"})
	ErrArchived     = domain.Conflict("tenant.archived", "the tenant is archived, which is final")
	ErrNotActive    = domain.Conflict("tenant.not_active", "only an active tenant can be suspended")
	ErrNotSuspended = domain.Conflict("tenant.not_suspended", "only a suspended tenant can be reactivated")
	ErrSlugTaken    = domain.Conflict("tenant.slug_taken", "the slug belongs to another tenant; choose another one",
		domain.FieldError{Field: "/slug", Code: "taken", Message: "belongs to another tenant"})
)

// invalid refuses a command that has field errors; codes says which stable code
// stands for an error in which field, and the first error's field decides.
func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	code := map[string]string{
		"/id": "tenant.id_invalid", "/slug": "tenant.slug_invalid", "/name": "tenant.name_invalid",
		"/settings": "tenant.settings_invalid", "/reason": "tenant.reason_invalid",
	}[fields[0].Field]
	return domain.Invalid(code, "the command has invalid fields", fields...)
}
