package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/sagas/provisioning"
)

// Whatever dies after whichever effect, in the process or with it, each effect is
// there once at the end.
func TestProvisioningSurvivesACrashAfterEachEffect(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	effects := []string{"space", "completed space", "invite", "letter", "completed admin_invite"}
	for _, dies := range []string{"attempt", "process"} {
		for i, effect := range effects {
			t.Run(dies+" after "+effect, func(t *testing.T) {
				crashed := make(chan struct{})
				lost, lose := context.WithCancel(context.Background())
				defer lose()
				var once sync.Once
				crash := func(at string) (err error) {
					if at == effect {
						once.Do(func() {
							if dies == "process" {
								lose()
							}
							close(crashed)
							err = errCrash
						})
					}
					return err
				}
				e.post.mu.Lock()
				e.post.sent, e.post.to = map[string]int{}, nil
				e.post.after = func() error { return crash("letter") }
				e.post.mu.Unlock()

				workers := e.work(e.provisioner(sender{e.commands, crash}))
				require.NoError(t, workers.Start(lost)) // its end aborts them as a crash would
				created := e.create("crash-"+dies+string(rune('a'+i)), "ada@example.com", tenant.Quotas{tenant.QuotaMembers: 5})
				<-crashed
				if dies == "process" {
					_ = workers.Stop(context.Background())
					workers = e.work(e.provisioner(sender{e.commands, nil}))
					require.NoError(t, workers.Start(context.Background()))
				}
				details := e.reaches(created.State.ID, tenant.StatusActive)
				require.NoError(t, workers.Stop(context.Background()))

				for _, step := range details.Provisioning.Steps {
					require.Equal(t, tenant.StepDone, step.Status, step.Name)
				}
				require.EqualValues(t, 5, details.Quotas.Of(tenant.QuotaMembers))
				require.Equal(t, []string{
					"tenant.created", "tenant.provisioning_started", "tenant.provisioning_step_done", "tenant.quotas_changed",
					"tenant.provisioning_step_done", "tenant.provisioned",
				}, e.types(eventstore.SystemTenant, created.State.ID))
				require.Equal(t, []string{"space.opened", "invite.created"}, e.types(uuid.MustParse(created.State.ID), ""))
				e.post.mu.Lock()
				defer e.post.mu.Unlock()
				require.Len(t, e.post.sent, 1, "one letter, whatever it took to send it")
				require.Equal(t, "ada@example.com", e.post.to[0])
			})
		}
	}
}

func TestAFailedStepIsResumed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.post.decide(errors.New("the mail server is away"))
	e.Run(e.work(e.provisioner(sender{e.commands, nil}, func(c *provisioning.Config) { c.Delays = c.Delays[:2] })))
	created := e.create("acme", "ada@example.com", nil)
	id := created.State.ID
	details := e.reaches(id, tenant.StatusFailed)
	require.True(t, details.Provisioning.Failed())
	last := details.Provisioning.Steps[2]
	require.Equal(t, tenant.Step{Name: tenant.StepAdminInvite, Status: tenant.StepFailed, At: last.At, Error: "the mail server is away"}, last)
	require.Empty(t, e.post.sent)

	e.post.decide(nil)
	_, err := e.commands.ResumeProvisioning(t.Context(), on(eventstore.SystemTenant, id, commands.ResumeProvisioning{}))
	require.NoError(t, err)
	e.reaches(id, tenant.StatusActive)
	require.Len(t, e.post.sent, 1)
	require.Equal(t, []string{"space.opened", "invite.created"}, e.types(uuid.MustParse(id), ""))
	_, err = e.commands.ResumeProvisioning(t.Context(), on(eventstore.SystemTenant, id, commands.ResumeProvisioning{}))
	require.ErrorContains(t, err, "tenant.provisioned")
}

// What repeating cannot help is not repeated.
func TestWithoutMailNobodyIsInvited(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.Run(e.work(e.provisioner(sender{e.commands, nil}, func(c *provisioning.Config) { c.Post = nil })))
	created := e.create("acme", "ada@example.com", nil)
	details := e.reaches(created.State.ID, tenant.StatusFailed)
	require.Contains(t, details.Provisioning.Steps[2].Error, "no mail server")
	_, err := e.commands.RenameTenant(t.Context(), on(eventstore.SystemTenant, created.State.ID, commands.RenameTenant{Name: "B"}))
	require.NoError(t, err, "it can be used all the same")
}

// Many tenants of one batch share a job, and none is left out.
func TestManyTenantsAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.Run(e.work(e.provisioner(sender{e.commands, nil})))
	created := make([]commands.Result[tenant.State], 60)
	var all sync.WaitGroup
	for i := range created {
		all.Go(func() { created[i] = e.create(fmt.Sprint("many-", i), "", nil) })
	}
	all.Wait()
	for _, r := range created {
		e.reaches(r.State.ID, tenant.StatusActive)
		require.Equal(t, []string{"space.opened"}, e.types(uuid.MustParse(r.State.ID), ""))
		require.Equal(t, []string{
			"tenant.created", "tenant.provisioning_started", "tenant.provisioning_step_done", "tenant.quotas_changed", "tenant.provisioned",
		}, e.types(eventstore.SystemTenant, r.State.ID))
	}
	var work int
	require.NoError(t, e.Pool.QueryRow(t.Context(), "SELECT count(*) FROM jobs").Scan(&work))
	t.Logf("%d jobs", work)
	require.LessOrEqual(t, work, len(created))
}

// The address stands in the tenant's stream for as long as it takes.
func TestTheAddressIsForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	stop := e.Run(e.work(e.provisioner(sender{e.commands, nil})))
	created := e.create("acme", "ada@example.com", nil)
	e.reaches(created.State.ID, tenant.StatusActive)
	stop()
	events, err := e.Store.ReadStream(t.Context(), eventstore.SystemTenant, eventstore.Stream{Type: tenant.StreamType, ID: created.State.ID}, eventstore.StreamQuery{})
	require.NoError(t, err)
	payload, err := e.Codec.Decode(t.Context(), events[1])
	require.NoError(t, err)
	require.NotContains(t, string(events[1].Data), "ada@example.com")
	require.Empty(t, payload.(tenant.ProvisioningStarted).AdminEmail)
}
