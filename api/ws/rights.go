package ws

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
)

// bearer is a token and the tenant that it is for, which the token alone does not
// tell if another issuer made it.
type bearer struct {
	token  string
	tenant uuid.UUID
}

// session is a token that open connections rest on.
type session struct {
	bearer
	uses      int                  // under sessions.mu
	payers    map[uuid.UUID]*payer // the same; by tenant
	principal atomic.Pointer[Principal]
}

// expired reports whether the token's time has come. Its grace is not over then.
func (s *session) expired(now time.Time) bool {
	at := s.principal.Load().ExpiresAt
	return !at.IsZero() && !now.Before(at)
}

// sessions knows each token once, however many connections it opened.
type sessions struct {
	mu    sync.Mutex
	known map[bearer]*session
}

func (s *sessions) use(token string, p Principal) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := bearer{token, p.Tenant}
	known := s.known[b]
	if known == nil {
		known = &session{bearer: b, payers: map[uuid.UUID]*payer{}}
		s.known[b] = known
	}
	known.uses++
	known.principal.Store(&p)
	return known
}

// payerOf returns whose quotas a connection of a session uses.
func (s *Server) payerOf(known *session, tenant uuid.UUID) *payer {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	p := known.payers[tenant]
	if p == nil {
		p = s.Quotas.payer(tenant, known.principal.Load().Actor)
		known.payers[tenant] = p
	}
	return p
}

func (s *sessions) release(known *session) {
	if known == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known.uses--; known.uses == 0 {
		delete(s.known, known.bearer)
	}
}

// authenticate finds out who calls, naming a tenant or none.
func (s *Server) authenticate(ctx context.Context, token, tenant string) (*session, error) {
	p, err := s.Authenticate(ctx, token, tenant)
	if err != nil {
		return nil, err
	}
	return s.sessions.use(token, p), nil
}

// page is where a connection comes from, and with whose credentials.
type page struct {
	tenant uuid.UUID
	bound  bool
	origin string
}

// checkers is how many questions of a check are asked at once.
const checkers = 8

// checkRights asks again and again, for each token and tenant that has a
// connection, whether it still holds.
func (s *Server) checkRights(ctx context.Context) {
	var all []holder
	ticks := time.NewTicker(s.times.recheck)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			all = s.open(all)
			s.recheck(ctx, all)
		}
	}
}

// askTime bounds a check of rights; what it does not answer is asked again.
const askTime = 5 * time.Second

func (s *Server) recheck(ctx context.Context, all []holder) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	tokens, tenants, pages := map[*session]*problem.Problem{}, map[uuid.UUID]*problem.Problem{}, map[page]*problem.Problem{}
	for _, h := range all {
		if session, tenant, origin := h.rights(); session != nil {
			tokens[session], tenants[tenant] = nil, nil
			if origin != "" {
				pages[page{tenant, session.principal.Load().Bound, origin}] = nil
			}
		}
	}
	askEach(tokens, func(known *session) *problem.Problem {
		p, err := s.Authenticate(ctx, known.token, known.tenant.String())
		if err == nil {
			known.principal.Store(&p)
			return nil
		}
		if known.expired(time.Now()) {
			return nil // its grace is counted by the connections
		}
		return s.verdict(ctx, err)
	})
	askEach(tenants, func(tenant uuid.UUID) *problem.Problem {
		_, err := s.Tenant(ctx, tenant.String())
		return s.verdict(ctx, err)
	})
	askEach(pages, func(p page) *problem.Problem {
		return s.verdict(ctx, s.checkOrigin(ctx, p.tenant, p.bound, p.origin))
	})
	for _, h := range all {
		session, tenant, origin := h.rights()
		switch {
		case session == nil:
		case tokens[session] != nil:
			h.end(CloseUnauthorized, problem.Unauthorized, 0)
		case tenants[tenant] != nil:
			h.end(CloseForbidden, tenants[tenant].Code, 0)
		case pages[page{tenant, session.principal.Load().Bound, origin}] != nil:
			h.end(CloseForbidden, problem.OriginForbidden, 0)
		default:
			h.judge(*session.principal.Load())
		}
	}
}

// verdict is the refusal in an error. What cannot be answered now is asked again
// next time, and does not count against anybody.
func (s *Server) verdict(ctx context.Context, err error) *problem.Problem {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	p := problem.From(err)
	if p.Status < http.StatusInternalServerError {
		return p
	}
	s.Logger.WarnContext(ctx, "rights of open connections cannot be checked now", "error", err)
	return nil
}

// askEach fills in the answer for each key, a few at a time.
func askEach[K comparable](answers map[K]*problem.Problem, ask func(K) *problem.Problem) {
	type answer struct {
		key K
		p   *problem.Problem
	}
	questions, replies := make(chan K, len(answers)), make(chan answer, len(answers))
	for key := range answers {
		questions <- key
	}
	close(questions)
	var asking sync.WaitGroup
	for range min(checkers, len(answers)) {
		asking.Go(func() {
			for key := range questions {
				replies <- answer{key, ask(key)}
			}
		})
	}
	asking.Wait()
	close(replies)
	for r := range replies {
		answers[r.key] = r.p
	}
}
