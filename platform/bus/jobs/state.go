package jobs

// States of a job, as sql/migrations/00004_jobs.sql explains them.
const (
	StateWaiting    = "waiting"
	StateScheduled  = "scheduled"
	StateReady      = "ready"
	StateDispatched = "dispatched"
	StateRunning    = "running"
	StateDone       = "done"
	StateDead       = "dead"
	StateDiscarded  = "discarded"
)
