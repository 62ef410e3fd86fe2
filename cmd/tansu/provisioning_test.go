package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
)

// A node is killed again and again at whatever step the provisioning of its new
// tenants is. At the end each is provisioned, with each effect once: letters that
// went out twice have one message id.
func TestProvisioningOfAKilledNode(t *testing.T) {
	t.Parallel()
	dsn, server := postgrestest.NewDSN(t), newLetterbox(t)
	env := append(serveEnv(t, dsn), "TANSU_MAIL_SMTP_URL=smtp://"+server.Addr().String(), "TANSU_MAIL_FROM=tansu@example.com",
		"TANSU_HTTP_DRAIN_DELAY=0s", "TANSU_NODE_ID=one")
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	events := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM events WHERE type NOT LIKE 'projection.%'").Scan(&n))
		return n
	}
	ids := map[string]string{} // of tenants by the address of their owner
	for round := range 6 {
		p := startProgram(t, env, "serve").ready()
		before := events()
		for i := range 3 {
			slug := fmt.Sprintf("t-%d-%d", round, i)
			ids[slug+"@example.com"] = p.createTenant(slug)
		}
		steps := before + 3 + rand.IntN(20) // three tenants write 24
		require.Eventually(t, func() bool { return events() >= steps }, time.Minute, time.Millisecond)
		p.signal(syscall.SIGKILL)
		p.wait()
	}
	p := startProgram(t, env, "serve").ready()
	for email, id := range ids {
		require.Eventually(t, func() bool {
			return p.status("/v1/tenants/"+id, "brought-along-token") == http.StatusOK && p.tenantStatus(id) == "active"
		}, 2*time.Minute, 50*time.Millisecond, email)
	}
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait(), p.stderr)

	types := func(log uuid.UUID, stream string) []string {
		rows, err := pool.Query(t.Context(), `SELECT type FROM events WHERE tenant_id = $1 AND ($2 = '' OR stream_id = $2) ORDER BY position`, log, stream)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return found
	}
	letters := server.received()
	repeated := 0
	for email, id := range ids {
		require.Equal(t, []string{"space.opened", "invite.created"}, types(uuid.MustParse(id), ""))
		require.Equal(t, []string{
			"tenant.created", "tenant.provisioning_started", "tenant.provisioning_step_done", "tenant.quotas_changed",
			"tenant.provisioning_step_done", "tenant.provisioned",
		}, types(eventstore.SystemTenant, id))
		repeated += len(letters[email]) - 1
		require.Len(t, slices.Compact(letters[email]), 1, "letters to %s", email)
	}
	t.Logf("%d tenants, %d letters went out again", len(ids), repeated)
}

func (p *program) call(method, path, body string) map[string]any {
	p.t.Helper()
	request, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer brought-along-token")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "respond-async")
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	var answer map[string]any
	require.NoError(p.t, json.NewDecoder(response.Body).Decode(&answer))
	require.Less(p.t, response.StatusCode, 300, "%v", answer)
	return answer
}

func (p *program) createTenant(slug string) (id string) {
	p.t.Helper()
	return p.call(http.MethodPost, "/v1/tenants", fmt.Sprintf(`{"slug":%q,"name":"T","admin_email":"%s@example.com"}`, slug, slug))["id"].(string)
}

func (p *program) tenantStatus(id string) any {
	p.t.Helper()
	return p.call(http.MethodGet, "/v1/tenants/"+id, "")["status"]
}

// letterbox is a mail server that takes everything.
type letterbox struct {
	net.Listener
	mu  sync.Mutex
	ids map[string][]string // of messages, by receiver
}

func newLetterbox(t *testing.T) *letterbox {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &letterbox{Listener: listener, ids: map[string][]string{}}
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go l.serve(conn)
		}
	}()
	return l
}

func (l *letterbox) serve(conn net.Conn) {
	defer conn.Close()
	lines := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { fmt.Fprint(conn, text+"\r\n") }
	say("220 letterbox ESMTP")
	for to := ""; ; {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		switch verb, rest, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
		case "RCPT":
			_, to, _ = strings.Cut(rest, "<")
			to, _, _ = strings.Cut(to, ">")
			say("250 ok")
		case "DATA":
			say("354 go on")
			header, err := textproto.NewReader(bufio.NewReader(lines.DotReader())).ReadMIMEHeader()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.ids[to] = append(l.ids[to], header.Get("Message-Id"))
			l.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (l *letterbox) received() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids
}
