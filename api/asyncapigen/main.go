// Command asyncapigen writes the AsyncAPI document of package ws to a file, so
// that every change of the protocol shows in a diff. It runs by go generate.
package main

import (
	"fmt"
	"os"

	"tansu.cloud/api/ws"
)

//go:generate go run . ../asyncapi.json

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "asyncapigen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: asyncapigen <file>")
	}
	document, err := ws.AsyncAPI()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], document, 0o644)
}
