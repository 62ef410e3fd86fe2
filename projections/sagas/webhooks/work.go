package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
)

// Kinds of jobs.
const (
	kindDeliver = "webhook.deliver"
	kindReplay  = "webhook.replay"
	kindRedrive = "webhook.redrive"
)

// order is the payload of all jobs of webhooks: names only, so that a job finds
// the webhook and the event as they are when it runs.
type order struct {
	WebhookID uuid.UUID `json:"webhook_id"`
	Position  int64     `json:"position,omitempty"`
	ReplayID  uuid.UUID `json:"replay_id,omitzero"`
}

func (o order) job(tenant uuid.UUID, kind, key, group string) jobs.Job {
	payload, err := json.Marshal(o)
	if err != nil {
		panic(err) // ids and numbers always encode
	}
	return jobs.Job{TenantID: tenant, Kind: kind, Key: key, Group: group, Payload: payload}
}

func orderOf(d jobs.Delivery) (o order, err error) {
	if err := json.Unmarshal(d.Payload, &o); err != nil {
		return o, jobs.Dead(fmt.Errorf("payload of job %s: %w", d.ID, err))
	}
	return o, nil
}

var noReplay uuid.UUID

// deliveryJob delivers one event to one webhook, after those before it in the
// same stream. Its key makes it happen once, and once more for each replay.
func deliveryJob(webhook uuid.UUID, e eventstore.Event, replay uuid.UUID) jobs.Job {
	key := webhook.String() + "/" + strconv.FormatInt(e.Position, 10)
	if replay != noReplay {
		key += "/" + replay.String()
	}
	o := order{WebhookID: webhook, Position: e.Position, ReplayID: replay}
	return o.job(e.TenantID, kindDeliver, key, groupOf(webhook, e.Stream))
}

// groupOf names the queue of one stream to one webhook. Long names are hashed.
func groupOf(webhook uuid.UUID, s eventstore.Stream) string {
	name := s.String()
	if len(groupPrefix(webhook))+len(name) > jobs.MaxGroup {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return groupPrefix(webhook) + name
}

func groupPrefix(webhook uuid.UUID) string { return webhook.String() + "/" }

// replayJob goes on with a replay after a position.
func replayJob(tenant, webhook, replay uuid.UUID, after int64) jobs.Job {
	o := order{WebhookID: webhook, ReplayID: replay}
	return o.job(tenant, kindReplay, replay.String()+"/"+strconv.FormatInt(after, 10), "")
}

// redriveJob carries out the request at a position.
func redriveJob(tenant, webhook uuid.UUID, position int64) jobs.Job {
	o := order{WebhookID: webhook, Position: position}
	return o.job(tenant, kindRedrive, webhook.String()+"/"+strconv.FormatInt(position, 10), "")
}
