package user

import "tansu.cloud/domain"

// Refusals that depend on the state alone.
var (
	ErrNotFound        = domain.NotFound("user.not_found", "there is no such user")
	ErrAlreadyExists   = domain.Conflict("user.already_exists", "a user with this id exists or existed")
	ErrErased          = domain.Conflict("user.erased", "the user was erased, which is final; register them anew")
	ErrNotActive       = domain.Conflict("user.not_active", "the user is disabled; enable them first")
	ErrTOTPEnabled     = domain.Conflict("user.totp_enabled", "codes of an authenticator app are asked for already; disable that first")
	ErrNoTOTP          = domain.Conflict("user.totp_not_enabled", "recovery codes go with an authenticator app, which is not enabled")
	ErrNoPasskey       = domain.NotFound("user.passkey_not_found", "the user has no such passkey")
	ErrTooManyPasskeys = domain.Conflict("user.too_many_passkeys", "a user has at most 10 passkeys; remove one first")
	ErrEmailTaken      = domain.Conflict("user.email_taken", "another user has this e-mail address",
		domain.FieldError{Field: "/email", Code: "taken", Message: "belongs to another user; use another address, or that account"})
)

// invalid refuses a command that has field errors.
func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("user.command_invalid", "the command has invalid fields", fields...)
}
