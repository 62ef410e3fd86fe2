package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
)

// AloneCommand is the name of the hidden sub-command that runs Alone.
const AloneCommand = "alone"

// aloneOrder says which server to run.
type aloneOrder struct {
	NodeOrder      // a whole node
	Raw       bool // bare websockets instead
}

// aloneAnswer says where the server is.
type aloneAnswer struct{ URL, Token, Error string }

// Alone runs a server in this process for a benchmark in another: it reads an
// order, answers when the server is up, gives memory back to the system and
// answers again for each further line, and ends with its input.
func (b *Bench) Alone(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return errors.New("no order on standard input; this command is for tansu bench feed")
	}
	var order aloneOrder
	if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
		return err
	}
	serve := func() (Node, error) { return b.Serve(ctx, order.NodeOrder) }
	if order.Raw {
		serve = serveRaw
	}
	node, err := serve()
	answer := aloneAnswer{URL: node.URL, Token: node.Token}
	if err != nil {
		answer.Error = err.Error()
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(answer); err != nil || answer.Error != "" {
		return err
	}
	defer func() { _ = node.Stop() }()
	for lines.Scan() {
		// Garbage of handshakes is no cost of a socket. Stacks shrink by half in a
		// collection, so there are some, as in any server that stands idle.
		for range 3 {
			debug.FreeOSMemory()
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// aloneServer is a server in a process of its own.
type aloneServer struct {
	node    Node
	process *exec.Cmd
	input   io.WriteCloser
	answers *json.Decoder
}

func startAlone(ctx context.Context, order aloneOrder) (*aloneServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &aloneServer{process: exec.CommandContext(ctx, self, "bench", AloneCommand)}
	s.process.Stderr = os.Stderr
	if s.input, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = json.NewDecoder(output)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	answer, err := s.ask(order)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.node = Node{URL: answer.URL, Token: answer.Token}
	return s, nil
}

func (s *aloneServer) ask(line any) (answer aloneAnswer, err error) {
	if err := json.NewEncoder(s.input).Encode(line); err != nil {
		return answer, err
	}
	if err := s.answers.Decode(&answer); err != nil {
		return answer, fmt.Errorf("the server's process ended: %w", err)
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer, err
}

// settledMemory is what the process occupies when it has put its memory in
// order.
func (s *aloneServer) settledMemory() (int64, error) {
	if _, err := s.ask("collect"); err != nil {
		return 0, err
	}
	memory, ok := residentMemory(strconv.Itoa(s.process.Process.Pid))
	if !ok {
		return 0, errors.New("the memory of the server's process cannot be read")
	}
	return memory, nil
}

func (s *aloneServer) stop() {
	_ = s.input.Close()
	_ = s.process.Wait()
}

// residentMemory of a process in bytes, on Linux.
func residentMemory(pid string) (int64, bool) {
	statm, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
