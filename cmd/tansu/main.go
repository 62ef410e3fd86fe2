// Command tansu is the whole platform in one binary: the server, its tools, and
// the client of a running server.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

// gcPercent: appends leave much garbage on a small heap. Collecting it less
// often costs some tens of megabytes and saves a tenth of the processor.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	err := run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	reportError(os.Stderr, err)
	os.Exit(exitCode(err))
}
