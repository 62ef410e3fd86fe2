// Command openapigen writes the OpenAPI document of package rest to a file, so
// that every change of the interface shows in a diff. It runs by go generate.
package main

import (
	"fmt"
	"os"

	"tansu.cloud/api/rest"
)

//go:generate go run . ../openapi.json

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapigen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: openapigen <file>")
	}
	document, err := rest.OpenAPI()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], document, 0o644)
}
