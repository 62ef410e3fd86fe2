package projection

// Event is something that happened to a projection.
type Event interface {
	EventType() string
	SchemaVersion() int
	projectionEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{
		Activated{}, RebuildStarted{}, RebuildCancelled{}, Paused{}, Resumed{},
		StreamParked{}, RedriveRequested{}, StreamResolved{}, DeadLetterDiscarded{},
	}
}

// Activated: readers see this generation from now on.
type Activated struct {
	Name       string `json:"name"`
	Generation int    `json:"generation"`
	Version    int    `json:"version"`
}

// RebuildStarted: a new generation is filled beside the one that serves.
type RebuildStarted struct {
	Generation int    `json:"generation"`
	Version    int    `json:"version"`
	Reason     string `json:"reason"`
}

// RebuildCancelled: the generation that was being filled is given up.
type RebuildCancelled struct {
	Generation int    `json:"generation"`
	Reason     string `json:"reason"`
}

// Paused: no events are applied until the projection is resumed.
type Paused struct {
	Reason string `json:"reason"`
}

// Resumed: events are applied again.
type Resumed struct {
	Reason string `json:"reason"`
}

// StreamParked: an event could not be applied, so its stream is set aside. The
// same dead letter with more attempts is a re-drive that failed.
type StreamParked struct {
	DeadLetterID    string `json:"dead_letter_id"`
	Generation      int    `json:"generation"`
	TenantID        string `json:"tenant_id"`
	StreamType      string `json:"stream_type"`
	StreamID        string `json:"stream_id"`
	Position        int64  `json:"position"` // this and the following four: of the event that failed
	Version         int64  `json:"version"`
	FailedEventID   string `json:"event_id"`
	FailedEventType string `json:"event_type"`
	Error           string `json:"error"`
	Attempts        int    `json:"attempts"`
}

// RedriveRequested: the parked stream's events are to be applied again.
type RedriveRequested struct {
	DeadLetterID string `json:"dead_letter_id"`
}

// StreamResolved: a re-drive has applied all events of the parked stream.
type StreamResolved struct {
	DeadLetterID string `json:"dead_letter_id"`
	Applied      int64  `json:"applied"`
}

// DeadLetterDiscarded: the parked stream's events up to the checkpoint are given
// up for this projection; later ones are applied again.
type DeadLetterDiscarded struct {
	DeadLetterID string `json:"dead_letter_id"`
	Reason       string `json:"reason"`
}

func (Activated) EventType() string           { return "projection.switched" }
func (RebuildStarted) EventType() string      { return "projection.rebuild_started" }
func (RebuildCancelled) EventType() string    { return "projection.rebuild_cancelled" }
func (Paused) EventType() string              { return "projection.paused" }
func (Resumed) EventType() string             { return "projection.resumed" }
func (StreamParked) EventType() string        { return "projection.stream_parked" }
func (RedriveRequested) EventType() string    { return "projection.redrive_requested" }
func (StreamResolved) EventType() string      { return "projection.stream_resolved" }
func (DeadLetterDiscarded) EventType() string { return "projection.dead_letter_discarded" }

func (Activated) SchemaVersion() int           { return 1 }
func (RebuildStarted) SchemaVersion() int      { return 1 }
func (RebuildCancelled) SchemaVersion() int    { return 1 }
func (Paused) SchemaVersion() int              { return 1 }
func (Resumed) SchemaVersion() int             { return 1 }
func (StreamParked) SchemaVersion() int        { return 1 }
func (RedriveRequested) SchemaVersion() int    { return 1 }
func (StreamResolved) SchemaVersion() int      { return 1 }
func (DeadLetterDiscarded) SchemaVersion() int { return 1 }

func (Activated) projectionEvent()           {}
func (RebuildStarted) projectionEvent()      {}
func (RebuildCancelled) projectionEvent()    {}
func (Paused) projectionEvent()              {}
func (Resumed) projectionEvent()             {}
func (StreamParked) projectionEvent()        {}
func (RedriveRequested) projectionEvent()    {}
func (StreamResolved) projectionEvent()      {}
func (DeadLetterDiscarded) projectionEvent() {}
