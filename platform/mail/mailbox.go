package mail

import (
	"context"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// MailboxPath is where a Mailbox expects to be served, and everything below.
	MailboxPath = "/dev/mailbox"
	// mailboxSize is how many messages are kept.
	mailboxSize = 200
	// mailboxPolicy is inherited by the frame that shows a message's HTML: it may
	// look as it likes, but load nothing and run nothing.
	mailboxPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

var (
	mailboxPages = template.Must(template.New("").Funcs(template.FuncMap{"links": links}).ParseFS(files, "templates/mailbox.html"))
	linkPattern  = regexp.MustCompile(`https?://[^\s<>"']+`)
)

var (
	_ Mailer       = (*Mailbox)(nil)
	_ http.Handler = (*Mailbox)(nil)
)

// Received is a message in a Mailbox.
type Received struct {
	ID int
	At time.Time
	Message
}

// Mailbox keeps the last messages in memory and shows them at MailboxPath to
// this machine: for development only, since sign-in links are among them.
type Mailbox struct {
	mu       sync.Mutex
	received []Received // oldest first
	last     int
}

// NewMailbox returns an empty one.
func NewMailbox() *Mailbox { return &Mailbox{} }

// Send implements Mailer.
func (b *Mailbox) Send(_ context.Context, message Message) error {
	if err := message.check(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if message.ID != "" && slices.ContainsFunc(b.received, func(r Received) bool { return r.Message.ID == message.ID }) {
		return nil
	}
	b.last++
	if len(b.received) == mailboxSize {
		b.received = slices.Delete(b.received, 0, 1)
	}
	b.received = append(b.received, Received{ID: b.last, At: time.Now().UTC(), Message: message})
	return nil
}

// Messages returns what is kept, newest first.
func (b *Mailbox) Messages() []Received {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.received)
	slices.Reverse(all)
	return all
}

// ServeHTTP shows the list, and at MailboxPath/<id> a message.
func (b *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", mailboxPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the mailbox is for reading", http.StatusMethodNotAllowed)
		return
	}
	if !localPeer(r.RemoteAddr) || !localHost(r.Host) {
		http.Error(w, "the mailbox is for this machine", http.StatusForbidden)
		return
	}
	below, inside := strings.CutPrefix(r.URL.Path, MailboxPath)
	below = strings.TrimPrefix(below, "/")
	all := b.Messages()
	if inside && below == "" {
		b.render(w, "list", all)
		return
	}
	id, err := strconv.Atoi(below)
	i := slices.IndexFunc(all, func(m Received) bool { return m.ID == id })
	if err != nil || i < 0 {
		http.Error(w, "there is no such message (any more)", http.StatusNotFound)
		return
	}
	b.render(w, "message", all[i])
}

func (b *Mailbox) render(w http.ResponseWriter, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var text strings.Builder
	if err := mailboxPages.ExecuteTemplate(&text, page, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte(text.String())) // the reader has gone
}

// localPeer keeps out everyone but this machine, also when the server listens to
// others: whoever reads a sign-in link can use it.
func localPeer(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// localHost keeps out web pages that let their own host name point to this
// machine (DNS rebinding): of names only those that nobody can register pass.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}

// links returns the addresses in a text, each once. The frame that shows the
// HTML does not let its links be followed; these can be.
func links(text string) []string {
	var found []string
	for _, link := range linkPattern.FindAllString(text, -1) {
		if !slices.Contains(found, link) {
			found = append(found, link)
		}
	}
	return found
}
