package main

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// letter is an e-mail as text.
type letter struct{ to, text string }

// postOffice is a mail server that keeps what it is given.
type postOffice struct {
	t       *testing.T
	address string
	arrived chan letter
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := &postOffice{t, listener.Addr().String(), make(chan letter, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			o.serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return o
}

func (o *postOffice) serve(conn net.Conn) {
	lines := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { _, _ = fmt.Fprint(conn, text+"\r\n") }
	say("220 post office")
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			if l, err := readLetter(lines.DotReader()); err == nil {
				o.arrived <- l
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func readLetter(r io.Reader) (letter, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return letter{}, err
	}
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return letter{}, err
	}
	to, err := message.Header.AddressList("To")
	if err != nil {
		return letter{}, err
	}
	plain, err := multipart.NewReader(message.Body, parameters["boundary"]).NextPart()
	if err != nil {
		return letter{}, err
	}
	text, err := io.ReadAll(plain)
	return letter{to[0].Address, string(text)}, err
}

var linkInLetter = regexp.MustCompile(`https?://\S+`)

// link waits for the next letter, which must be to an address, and returns the
// link in it.
func (o *postOffice) link(to string) string {
	o.t.Helper()
	select {
	case l := <-o.arrived:
		require.Equal(o.t, to, l.to)
		link := linkInLetter.FindString(l.text)
		require.NotEmpty(o.t, link, l.text)
		return link
	case <-time.After(time.Minute):
		require.Fail(o.t, "no letter", "to %s", to)
		return ""
	}
}
