package problem

import (
	"net/http"
	"slices"
)

// Code is the stable name of a problem. The domain's own codes ("tenant.…")
// are codes too; those below belong to the interface itself.
type Code string

// The codes of the interface. Their meaning never changes.
const (
	Unauthorized         Code = "unauthorized"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not_found"
	MethodNotAllowed     Code = "method_not_allowed"
	NotAcceptable        Code = "not_acceptable"
	PayloadTooLarge      Code = "payload_too_large"
	HeadersTooLarge      Code = "headers_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	MalformedJSON        Code = "malformed_json"
	URLInvalid           Code = "url_invalid"
	HeaderInvalid        Code = "header_invalid"
	ValidationFailed     Code = "validation_failed"
	CursorInvalid        Code = "cursor_invalid"
	Conflict             Code = "conflict"
	VersionConflict      Code = "version_conflict"
	PreconditionFailed   Code = "precondition_failed"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	IdempotencyInFlight  Code = "idempotency_in_flight"
	TenantNotFound       Code = "tenant_not_found"
	TenantSuspended      Code = "tenant_suspended"
	TenantArchived       Code = "tenant_archived"
	TenantMismatch       Code = "tenant_mismatch"
	ConsistencyTimeout   Code = "consistency_timeout"
	BodyTimeout          Code = "body_timeout"
	Timeout              Code = "timeout"
	RateLimited          Code = "rate_limited"
	Unavailable          Code = "unavailable"
	OutcomeUnknown       Code = "outcome_unknown"
	LogCorrupt           Code = "log_corrupt"
	Internal             Code = "internal"
)

// Entry describes a code for people.
type Entry struct {
	Code   Code
	Status int
	Title  string
	Advice string // what the caller can do
}

var catalogue = []Entry{
	{Unauthorized, http.StatusUnauthorized, "Credentials are missing or wrong", "Send a token as Authorization: Bearer <token>."},
	{Forbidden, http.StatusForbidden, "Not permitted", "The token is valid but lacks the permission that the route names."},
	{NotFound, http.StatusNotFound, "There is no such thing", "Check the path and the ids in it."},
	{MethodNotAllowed, http.StatusMethodNotAllowed, "The path does not offer this method", "The Allow header lists what it offers."},
	{NotAcceptable, http.StatusNotAcceptable, "None of the accepted media types is offered", "Accept application/json, or leave the header out."},
	{PayloadTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", "Send less, in several requests."},
	{HeadersTooLarge, http.StatusRequestHeaderFieldsTooLarge, "The headers are too large", "Send fewer or shorter headers."},
	{UnsupportedMediaType, http.StatusUnsupportedMediaType, "The body has the wrong media type", "Send Content-Type: application/json, not compressed."},
	{MalformedJSON, http.StatusBadRequest, "The body is not valid JSON", "Send one JSON value in UTF-8, without NUL, without repeated keys, nested at most 64 levels."},
	{URLInvalid, http.StatusBadRequest, "The URL is malformed", "Encode path and query as UTF-8 without NUL, each parameter once."},
	{HeaderInvalid, http.StatusBadRequest, "A header is malformed", "The errors name the header and its form."},
	{ValidationFailed, http.StatusUnprocessableEntity, "The request breaks a rule", "The errors name each field and the rule."},
	{CursorInvalid, http.StatusBadRequest, "The cursor does not belong to this query", "Use next_cursor unchanged with the same filters, or start again without a cursor."},
	{Conflict, http.StatusConflict, "The request conflicts with the present state", "Read the present state and decide again."},
	{VersionConflict, http.StatusConflict, "Something else changed the stream at the same time", "Repeat the request."},
	{PreconditionFailed, http.StatusPreconditionFailed, "The version in If-Match is not the present one", "Read it again; the ETag header holds the present version."},
	{IdempotencyKeyReused, http.StatusUnprocessableEntity, "The idempotency key belongs to another request", "Use a new Idempotency-Key for each new request."},
	{IdempotencyInFlight, http.StatusConflict, "The first request with this idempotency key still runs", "Repeat after the time in Retry-After."},
	{TenantNotFound, http.StatusNotFound, "There is no such tenant", "Check X-Tenant-Id or the sub-domain."},
	{TenantSuspended, http.StatusForbidden, "The tenant is suspended", "Reactivate the tenant first."},
	{TenantArchived, http.StatusForbidden, "The tenant is archived", "Archived tenants are final."},
	{TenantMismatch, http.StatusForbidden, "The token is for another tenant", "Get a token for the tenant, or leave X-Tenant-Id out."},
	{ConsistencyTimeout, http.StatusServiceUnavailable, "The read model has not reached the position yet", "Repeat after the time in Retry-After, or wait longer with Prefer: wait=N."},
	{BodyTimeout, http.StatusRequestTimeout, "The body did not arrive in time", "Repeat the request."},
	{Timeout, http.StatusServiceUnavailable, "The request took too long", "Repeat it; commands with the same Idempotency-Key."},
	{RateLimited, http.StatusTooManyRequests, "Too much at once", "Repeat after retry_in or Retry-After."},
	{Unavailable, http.StatusServiceUnavailable, "The server cannot answer now", "Repeat after the time in Retry-After."},
	{OutcomeUnknown, http.StatusServiceUnavailable, "The command may or may not have taken effect", "Repeat it with the same Idempotency-Key."},
	{LogCorrupt, http.StatusInternalServerError, "The log contradicts itself", "An operator has to look; run tansu audit verify."},
	{Internal, http.StatusInternalServerError, "Something broke on the server", "The traceId finds it in the server's log."},
}

// Catalogue lists the codes of the interface.
func Catalogue() []Entry { return slices.Clone(catalogue) }

func entryOf(code Code) Entry {
	for _, e := range slices.Concat(catalogue, feedCatalogue) {
		if e.Code == code {
			return e
		}
	}
	return Entry{code, http.StatusInternalServerError, "Something broke on the server", ""}
}
