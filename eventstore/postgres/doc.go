// Package postgres keeps the log in PostgreSQL, or in Citus, where the same
// tables are spread by tenant.
//
// An append waits in one of a few lanes, chosen by tenant. A lane takes whatever
// waits and writes it at once on the optimistic path (optimistic.go): it knows
// the heads and stream versions that it wrote last, gives every event its place
// and hash in Go, and sends one pipelined transaction in which everything hangs
// on the head still standing where the lane believes. When that fails (another
// process wrote, a unique value is taken, the connection broke) the requests go
// down the locked path (locked.go), which locks the head, looks everything up,
// and is right whoever else writes. An outcome that a lost connection hides is
// looked up under that lock, never guessed.
package postgres
