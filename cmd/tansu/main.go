// Command tansu is the whole platform in one binary: the server, its tools, and
// the client of a running server.
package main

import (
	"context"
	"os"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	reportError(os.Stderr, err)
	os.Exit(exitCode(err))
}
