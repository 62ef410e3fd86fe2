package rest

// schemaDescriptions completes the document: huma takes descriptions of fields
// from their tags but none of the types themselves.
var schemaDescriptions = map[string]string{
	"Problem":            "A refusal (RFC 9457).",
	"FieldError":         "What is wrong with one field or parameter. Its value is never repeated.",
	"Tenant":             "A tenant of this installation.",
	"TenantList":         "A page of tenants.",
	"CreateTenantBody":   "A new tenant.",
	"RenameTenantBody":   "The new name of a tenant.",
	"TenantSettingsBody": "The new settings of a tenant.",
	"ReasonBody":         "Why something is done.",
	"OptionalReasonBody": "Why something is done, if there is anything to say.",
	"Event":              "A committed event.",
	"EventList":          "A page of events.",
	"StreamState":        "An aggregate after one of its events.",
	"StateAtVersion":     "A state in a comparison.",
	"StreamDiff":         "Two states of an aggregate and what lies between them.",
	"ProjectionStatus":   "How far a projection is.",
	"ProjectionList":     "All projections.",
	"ProjectionOrder":    "What a projection should be doing.",
	"RebuildProgress":    "How far a rebuild is.",
	"Build":              "One filling of a projection's tables.",
	"DeadLetter":         "A stream that a projection has set aside because one of its events failed.",
	"DeadLetterList":     "A page of dead letters.",
	"DeadLetterOrder":    "What was decided about a dead letter.",
	"RedriveManyBody":    "Which parked streams to re-drive.",
	"RedriveManyResult":  "What became of a request for many re-drives.",
	"AuditReport":        "Whether a log is complete and unchanged.",
	"AuditKey":           "The key that verifies the signature of exports.",
	"HealthStatus":       "How the node is.",
	"Component":          "One part of the node.",
}
