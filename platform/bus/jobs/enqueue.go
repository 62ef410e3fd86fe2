package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Bounds of a job, in bytes.
const (
	MaxKind    = 100
	MaxKey     = 255
	MaxGroup   = 255
	MaxPayload = 64 << 10
)

// Enqueue writes jobs in the caller's transaction, in one round trip, and
// returns how many are new: one whose tenant, kind and key are known is dropped.
// A key is known from its enqueueing until the job has been finished for the
// retention. The jobs of a group keep the order in which they are given; another
// transaction that adds to the same group waits for the end of this one, so a
// transaction calls Enqueue once and soon before it commits. Call
// [Workers.Wake] after the commit.
func Enqueue(ctx context.Context, tx db.DBTX, jobs ...Job) (enqueued int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	var p db.EnqueueJobsParams
	for i, j := range jobs {
		if err := j.validate(); err != nil {
			return 0, fmt.Errorf("job %d of %d (kind %q, key %q): %w", i+1, len(jobs), j.Kind, j.Key, err)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return 0, err
		}
		payload := "null"
		if len(j.Payload) > 0 {
			payload = string(j.Payload)
		}
		if j.RunAt.IsZero() {
			j.RunAt = time.Unix(0, 0) // the database takes its own clock for what is past
		}
		p.TenantIds = append(p.TenantIds, j.TenantID)
		p.Ids = append(p.Ids, id)
		p.Kinds = append(p.Kinds, j.Kind)
		p.Keys = append(p.Keys, j.Key)
		p.JobGroups = append(p.JobGroups, j.Group)
		p.RunAts = append(p.RunAts, j.RunAt)
		p.Payloads = append(p.Payloads, payload)
	}
	n, err := db.New(tx).EnqueueJobs(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("enqueue %d jobs: %w", len(jobs), err)
	}
	return int(n), nil
}

// validate returns all problems at once.
func (j *Job) validate() error {
	var problems []error
	text := func(name, value string, limit int, required bool) {
		switch {
		case required && value == "":
			problems = append(problems, fmt.Errorf("%s is missing", name))
		case len(value) > limit:
			problems = append(problems, fmt.Errorf("%s has %d bytes, at most %d are allowed; use a hash of it", name, len(value), limit))
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			problems = append(problems, fmt.Errorf("%s must be UTF-8 without the NUL character", name))
		}
	}
	text("kind", j.Kind, MaxKind, true)
	text("key", j.Key, MaxKey, true)
	text("group", j.Group, MaxGroup, false)
	switch {
	case len(j.Payload) > MaxPayload:
		problems = append(problems, fmt.Errorf("payload has %d bytes, at most %d are allowed; refer to larger things by id", len(j.Payload), MaxPayload))
	case len(j.Payload) > 0 && !json.Valid(j.Payload):
		problems = append(problems, errors.New("payload is not JSON"))
	}
	return errors.Join(problems...)
}
