// Package rest is the REST interface: it turns requests into commands and reads,
// and their results into JSON. It stands at both ends of the flow: writes go
// through package commands into the log, reads come from the log itself and
// from the read models. Routes are declared with huma, one file per area, each
// with its permission beside it; api/middleware stands before all of them and
// api/problem gives every refusal its form.
//
// Conventions: the ETag is the stream version, Tansu-Position is the place in
// the tenant's log, and a command is answered when the read models that its
// routes serve have caught up, so that what was created can be read at once.
package rest
