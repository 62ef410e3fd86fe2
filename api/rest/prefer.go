package rest

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
)

// preferences is a parsed Prefer header (RFC 7240). Preferences that this
// interface does not know are ignored, as the RFC asks.
type preferences struct {
	async   bool
	wait    time.Duration
	waitSet bool
}

func (s *server) parsePrefer(value string) (preferences, error) {
	p := preferences{wait: s.Config.WaitDefault}
	for _, part := range strings.Split(value, ",") {
		preference, _, _ := strings.Cut(part, ";") // parameters
		name, arg, _ := strings.Cut(preference, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			p.async = true
		case "wait":
			if p.waitSet {
				continue // the first one counts
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(arg), `"`), 10, 31)
			if err != nil {
				return p, problem.New(problem.HeaderInvalid, "The Prefer header is malformed.").WithErrors(problem.FieldError{
					Pointer: "/header/Prefer", Code: "malformed", Message: "wait must be a whole number of seconds, such as wait=5",
				})
			}
			p.wait, p.waitSet = min(time.Duration(seconds)*time.Second, MaxWait), true
		}
	}
	return p, nil
}

// applied is the Preference-Applied header.
func (p preferences) applied() string {
	switch {
	case p.async:
		return "respond-async"
	case p.waitSet:
		return "wait=" + strconv.Itoa(int(p.wait/time.Second))
	}
	return ""
}

// settle waits until the read models show a committed position and reports
// whether they do. Not reaching it is no failure of the command.
func (s *server) settle(ctx context.Context, p preferences, readModels []string, tenant uuid.UUID, position int64) bool {
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	for _, name := range readModels {
		if err := s.Projections.Wait(ctx, name, tenant, position); err != nil {
			return false
		}
	}
	return true
}

// awaitLog makes a read from the log see at least the position that the client
// has seen. The log is read where it is written, so there is nothing to wait for.
func (s *server) awaitLog(ctx context.Context, h ReadHeaders, tenant uuid.UUID) error {
	if _, err := s.parsePrefer(h.Prefer); err != nil || h.MinPosition == 0 {
		return err
	}
	head, err := s.Log.Head(ctx, tenant)
	if err == nil && head.Position < h.MinPosition {
		err = problem.New(problem.HeaderInvalid, "Tansu-Min-Position is not a position of this log.").WithErrors(problem.FieldError{
			Pointer: "/header/Tansu-Min-Position", Code: "beyond_log", Message: "is beyond the end of the log",
		})
	}
	return err
}

// awaitReadModel does the same for reads from a read model. An older answer
// would be a lie, so running out of time is a problem.
func (s *server) awaitReadModel(ctx context.Context, h ReadHeaders, readModel string, tenant uuid.UUID) error {
	if err := s.awaitLog(ctx, h, tenant); err != nil || h.MinPosition == 0 {
		return err
	}
	p, err := s.parsePrefer(h.Prefer)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	err = s.Projections.Wait(waiting, readModel, tenant, h.MinPosition)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return problem.New(problem.ConsistencyTimeout, "The position in Tansu-Min-Position was not reached in time.").
			WithHeader("Retry-After", "1")
	}
	return err
}
