package tenant

import (
	"slices"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// Steps of provisioning, in their order.
const (
	StepSpace       = "space"        // the tenant's own log begins
	StepQuotas      = "quotas"       // its bounds are set
	StepAdminInvite = "admin_invite" // its first owner is invited and has got mail
)

// What becomes of a step.
const (
	StepPending = "pending"
	StepDone    = "done"
	StepFailed  = "failed"
)

// maxStepError is the most bytes of an error that are kept.
const maxStepError = 500

// Provision is what a new tenant is to be prepared with.
type Provision struct {
	Quotas     Quotas // those left out have their defaults
	AdminEmail string // who is invited as the owner; empty: nobody
	InviteID   string // of that invite
}

// Provisioning is how far a tenant is prepared. The zero Provisioning is that of
// a tenant that needed none.
type Provisioning struct {
	Steps    []Step    `json:"steps,omitempty"`
	Quotas   Quotas    `json:"quotas,omitempty"`    // as asked for
	InviteID string    `json:"invite_id,omitempty"` // of the admin
	Resumed  int       `json:"resumed,omitempty"`   // how often
	DoneAt   time.Time `json:"done_at,omitzero"`    // zero: it is not done
}

// Step is one step of provisioning.
type Step struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	At     time.Time `json:"at,omitzero"` // when it was done or failed
	Error  string    `json:"error,omitempty"`
}

// Next returns the name of the first step that is not done, empty if there is
// none.
func (p Provisioning) Next() string {
	for _, s := range p.Steps {
		if s.Status != StepDone {
			return s.Name
		}
	}
	return ""
}

// Failed reports whether a step cannot be done as things are, so that it waits
// for somebody to resume.
func (p Provisioning) Failed() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Status == StepFailed })
}

// status of a tenant that nobody has locked out.
func (p Provisioning) status() Status {
	switch {
	case len(p.Steps) == 0 || !p.DoneAt.IsZero():
		return StatusActive
	case p.Failed():
		return StatusFailed
	}
	return StatusProvisioning
}

func (p Provisioning) index(step string) int {
	return slices.IndexFunc(p.Steps, func(s Step) bool { return s.Name == step })
}

// with returns the provisioning with one step changed; what has no such step
// stays.
func (p Provisioning) with(step Step) Provisioning {
	if i := p.index(step.Name); i >= 0 {
		p.Steps = slices.Clone(p.Steps)
		p.Steps[i] = step
	}
	return p
}

func (p Provisioning) done(step string, at time.Time) Provisioning {
	if i := p.index(step); i >= 0 && p.Steps[i].Status == StepDone {
		return p
	}
	return p.with(Step{Name: step, Status: StepDone, At: at})
}

func (p Provisioning) failed(step, cause string, at time.Time) Provisioning {
	return p.with(Step{Name: step, Status: StepFailed, At: at, Error: cause})
}

func (p Provisioning) resume() Provisioning {
	p.Resumed++
	if next := p.Next(); next != "" {
		return p.with(Step{Name: next, Status: StepPending})
	}
	return p
}

func started(e ProvisioningStarted) Provisioning {
	p := Provisioning{Quotas: e.Quotas, InviteID: e.InviteID}
	for _, name := range e.Steps {
		p.Steps = append(p.Steps, Step{Name: name, Status: StepPending})
	}
	return p
}

// provision sets how far a tenant is prepared, which shows in its status unless
// somebody has locked it out.
func (s State) provision(p Provisioning, at time.Time) State {
	s.Provisioning, s.UpdatedAt = p, at
	if s.Status.Open() {
		s.Status = p.status()
	}
	return s
}

// Commands about provisioning.
type (
	// CompleteStep notes that a step is done. Steps that the tenant can take by
	// itself follow at once.
	CompleteStep struct {
		Step string
		At   time.Time
	}
	// FailProvisioning notes that a step cannot be done.
	FailProvisioning struct {
		Step, Error string
		At          time.Time
	}
	// ResumeProvisioning begins again with the step that is not done.
	ResumeProvisioning struct{ At time.Time }
)

func (CompleteStep) tenantCommand()       {}
func (FailProvisioning) tenantCommand()   {}
func (ResumeProvisioning) tenantCommand() {}

func startProvisioning(c Create) (Event, error) {
	p := *c.Provision
	_, problems := cleanQuotas(p.Quotas)
	e := ProvisioningStarted{TenantID: c.ID, Steps: []string{StepSpace, StepQuotas}, Quotas: p.Quotas, At: c.At}
	if p.AdminEmail != "" {
		problems = append(problems, domain.CheckLine("/admin_email", p.AdminEmail, 254)...)
		e.Steps = append(e.Steps, StepAdminInvite)
		e.AdminEmail, e.InviteID = p.AdminEmail, p.InviteID
	}
	return e, invalid(problems)
}

func completeStep(s State, c CompleteStep) ([]Event, error) {
	p := s.Provisioning
	i := p.index(c.Step)
	switch {
	case i < 0:
		return nil, ErrStepUnknown
	case p.Steps[i].Status == StepDone:
		return nil, nil
	case p.Next() != c.Step:
		return nil, ErrStepTooEarly
	}
	events := []Event{ProvisioningStepDone(c)}
	s = Apply(s, events[0])
	if s.Provisioning.Next() == StepQuotas {
		quotas, problems := cleanQuotas(p.Quotas)
		if err := invalid(problems); err != nil {
			return nil, err
		}
		events = append(events, QuotasChanged{quotas, c.At})
		s = Apply(s, events[1])
	}
	if s.Provisioning.Next() == "" {
		events = append(events, Provisioned{c.At})
	}
	return events, nil
}

func failProvisioning(s State, c FailProvisioning) ([]Event, error) {
	i := s.Provisioning.index(c.Step)
	if i < 0 {
		return nil, ErrStepUnknown
	}
	if s.Provisioning.Steps[i].Status != StepPending {
		return nil, nil
	}
	cause := strings.ToValidUTF8(strings.ReplaceAll(c.Error, "\x00", ""), "")
	if len(cause) > maxStepError {
		cause = strings.ToValidUTF8(cause[:maxStepError], "")
	}
	return []Event{ProvisioningFailed{c.Step, cause, c.At}}, nil
}

// resumeProvisioning is also for a tenant whose worker was lost for good, so
// that nothing has failed.
func resumeProvisioning(s State, c ResumeProvisioning) ([]Event, error) {
	next := s.Provisioning.Next()
	if next == "" {
		return nil, ErrProvisioned
	}
	return []Event{ProvisioningResumed{next, c.At}}, nil
}

// Events of provisioning.
type (
	// ProvisioningStarted: these steps are to be done before the tenant is
	// active. Who is invited is known for as long as it takes: the key that seals
	// the address is destroyed with the last step.
	ProvisioningStarted struct {
		TenantID   string    `json:"tenant_id"`
		Steps      []string  `json:"steps"`
		Quotas     Quotas    `json:"quotas,omitempty"`
		InviteID   string    `json:"invite_id,omitempty"`
		AdminEmail string    `json:"admin_email,omitempty" personal:"invite_id"`
		At         time.Time `json:"at"`
	}
	// ProvisioningStepDone: a step is done. That quotas are set is told by
	// QuotasChanged.
	ProvisioningStepDone struct {
		Step string    `json:"step"`
		At   time.Time `json:"at"`
	}
	// ProvisioningFailed: a step cannot be done as things are.
	ProvisioningFailed struct {
		Step  string    `json:"step"`
		Error string    `json:"error"`
		At    time.Time `json:"at"`
	}
	// ProvisioningResumed: it goes on with a step.
	ProvisioningResumed struct {
		Step string    `json:"step"`
		At   time.Time `json:"at"`
	}
	// Provisioned: all steps are done, the tenant is active.
	Provisioned struct {
		At time.Time `json:"at"`
	}
)

func (ProvisioningStarted) EventType() string  { return "tenant.provisioning_started" }
func (ProvisioningStepDone) EventType() string { return "tenant.provisioning_step_done" }
func (ProvisioningFailed) EventType() string   { return "tenant.provisioning_failed" }
func (ProvisioningResumed) EventType() string  { return "tenant.provisioning_resumed" }
func (Provisioned) EventType() string          { return "tenant.provisioned" }

func (ProvisioningStarted) SchemaVersion() int  { return 1 }
func (ProvisioningStepDone) SchemaVersion() int { return 1 }
func (ProvisioningFailed) SchemaVersion() int   { return 1 }
func (ProvisioningResumed) SchemaVersion() int  { return 1 }
func (Provisioned) SchemaVersion() int          { return 1 }

func (ProvisioningStarted) tenantEvent()  {}
func (ProvisioningStepDone) tenantEvent() {}
func (ProvisioningFailed) tenantEvent()   {}
func (ProvisioningResumed) tenantEvent()  {}
func (Provisioned) tenantEvent()          {}
