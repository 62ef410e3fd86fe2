// Package projections derives everything that is read from the log. The [Relay]
// publishes committed events to a Watermill topic; the [Runner] has one handler
// per [Projection] on it, which puts runs of events into the inbox of the
// projection's workers. A worker moves one tenant's checkpoint forward: from a
// run that joins it, else from a page of the log, so that lost, repeated and
// reordered messages change nothing. Rows and checkpoint change in one
// transaction. API queries read the rows through the packages in readmodels.
//
// Each filling of a projection's tables is a generation in a schema of its own.
// Views of the same names in schema public show the generation that serves;
// a rebuild fills the next one beside it with the same code and switches the
// views. What a projection should be doing (generations, pause, parked streams)
// is the aggregate of domain/projection in the system tenant's log: the runner
// brings reality in line with it and reports through the commands in [Control].
//
// One process runs a projection, decided by a lease whose token travels with
// every checkpoint write; the others wait for it and answer from the database.
package projections
