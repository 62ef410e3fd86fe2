package projection

import "tansu.cloud/domain"

// Refusals that depend on the state alone.
var (
	ErrNotFound           = domain.NotFound("projection.not_found", "there is no such projection")
	ErrDeadLetterNotFound = domain.NotFound("dead_letter.not_found", "there is no such open dead letter; it may have been resolved or discarded")
	ErrRebuildRunning     = domain.Conflict("projection.rebuild_running", "a rebuild is running; cancel it first or wait for its end")
	ErrSaga               = domain.Conflict("projection.saga", "this is a saga: what it did cannot be taken back, so it is never rebuilt; re-drive its dead letters instead")
	ErrNoRebuild          = domain.Conflict("projection.no_rebuild", "no rebuild is running")
	ErrNotBuilding        = domain.Conflict("projection.generation_not_building", "this generation is not being built, so it cannot be switched to")
	ErrGenerationGone     = domain.Conflict("projection.generation_gone", "this generation is neither active nor being built")
	ErrAlreadyParked      = domain.Conflict("projection.stream_already_parked", "the stream is parked under another dead letter")
	ErrTooManyDeadLetters = domain.Conflict("projection.too_many_dead_letters", "the projection has as many open dead letters as it may; it is probably broken as a whole: fix it, then re-drive or discard them")
	ErrRedriving          = domain.Conflict("dead_letter.redriving", "the dead letter is being re-driven; wait for the outcome")
)

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("projection.command_invalid", "the command has invalid fields", fields...)
}
