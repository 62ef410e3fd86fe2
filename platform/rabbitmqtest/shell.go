package rabbitmqtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// shell is the Erlang shell of a running broker. Through it a virtual host is
// made in milliseconds; rabbitmqctl needs seconds. The broker ends when its
// shell's input does, which is when this process ends, however.
type shell struct {
	ready chan struct{} // closed when the broker accepts connections
	ended chan struct{} // closed when it has gone

	mu      sync.Mutex
	input   io.Writer
	last    int
	answers map[string]chan string
	tail    []string // of the output, for error messages
}

const (
	tailLines = 40
	answer    = "tansu-answer-" // begins the line with the result of an expression
)

func newShell(input io.Writer) *shell {
	return &shell{ready: make(chan struct{}), ended: make(chan struct{}), input: input, answers: map[string]chan string{}}
}

// read takes the broker's output until it ends.
func (s *shell) read(output io.Reader) {
	defer close(s.ended)
	ready := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		if !ready && strings.Contains(line, "completed with") {
			ready = true
			close(s.ready)
		}
		s.mu.Lock()
		if len(s.tail) == tailLines {
			s.tail = s.tail[1:]
		}
		s.tail = append(s.tail, line)
		if rest, found := strings.CutPrefix(line, answer); found {
			id, result, _ := strings.Cut(rest, " ")
			if waiting := s.answers[id]; waiting != nil {
				waiting <- result
				delete(s.answers, id)
			}
		}
		s.mu.Unlock()
	}
}

// evaluate returns the value of an Erlang expression on one line.
func (s *shell) evaluate(ctx context.Context, expression string) (string, error) {
	waiting := make(chan string, 1)
	s.mu.Lock()
	s.last++
	id := fmt.Sprint(s.last)
	s.answers[id] = waiting
	_, err := fmt.Fprintf(s.input, "io:format(\"~n%s%s ~0p~n\", [catch begin %s end]).\n", answer, id, expression)
	s.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("shell of the broker: %w", err)
	}
	select {
	case result := <-waiting:
		return result, nil
	case <-s.ended:
		return "", errors.New("shell of the broker: the broker ended")
	case <-ctx.Done():
		return "", fmt.Errorf("shell of the broker: %s: %w\n%s", expression, ctx.Err(), s.output())
	}
}

// output is what the broker printed last.
func (s *shell) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.tail, "\n")
}
