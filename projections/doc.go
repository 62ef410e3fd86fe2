// Package projections derives everything that is read from the log. The [Relay]
// publishes committed events to a Watermill topic; the [Runner] puts the runs of
// events that come from there into the inbox of each [Projection]. A worker moves one tenant's checkpoint forward: from a
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
// Several processes share the work. A projection of every tenant's log is divided
// into partitions of the tenants; whoever holds a partition's lease moves the
// serving generation on for it, and takes the messages of the partition's queue.
// The holder of the projection's own lease leads: it fills new generations and
// switches to them, and has a projection of the system tenant's log to itself. The
// lease's token travels with every checkpoint write. Who does not hold the lease
// waits for the checkpoint in the database.
//
// A saga is a projection that acts: it enqueues jobs in the transaction that moves
// its checkpoint.
package projections
