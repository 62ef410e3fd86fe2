package projection

// Command is something to do to a projection.
type Command interface{ projectionCommand() }

// What operators ask for.
type (
	// StartRebuild begins to fill a new generation; Version 0 means that of the
	// active one. Saga says that the projection is one, which is refused.
	StartRebuild struct {
		Version int
		Reason  string
		Saga    bool
	}
	// CancelRebuild gives up the generation that is being filled.
	CancelRebuild struct{ Reason string }
	// Pause stops applying events.
	Pause struct{ Reason string }
	// Resume applies events again.
	Resume struct{ Reason string }
	// RequestRedrive asks to apply a parked stream's events again.
	RequestRedrive struct{ DeadLetterID string }
	// Discard gives a parked stream's events up, up to the checkpoint; it needs
	// a reason.
	Discard struct{ DeadLetterID, Reason string }
)

// What the runner reports. A repeat of a report changes nothing.
type (
	// Switch makes a generation the one that serves: the first one of a new
	// projection, or the one that was being built.
	Switch struct {
		Name                string
		Generation, Version int
	}
	// ParkStream sets a stream aside because one of its events failed.
	ParkStream struct {
		DeadLetterID                   string
		Generation                     int
		TenantID, StreamType, StreamID string
		Position, Version              int64
		EventID, EventType             string
		Error                          string
		Attempts                       int
	}
	// ResolveStream closes a dead letter whose events are applied.
	ResolveStream struct {
		DeadLetterID string
		Applied      int64
	}
)

func (StartRebuild) projectionCommand()   {}
func (CancelRebuild) projectionCommand()  {}
func (Pause) projectionCommand()          {}
func (Resume) projectionCommand()         {}
func (RequestRedrive) projectionCommand() {}
func (Discard) projectionCommand()        {}
func (Switch) projectionCommand()         {}
func (ParkStream) projectionCommand()     {}
func (ResolveStream) projectionCommand()  {}
