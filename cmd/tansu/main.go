// Command tansu is the whole platform in one binary: the server, its tools, and
// the client of a running server.
package main

import (
	"context"
	"log/slog"
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
	// Libraries that cannot be given a logger tell the default one of every request
	// that they refuse; ours has the same in its access log.
	slog.SetLogLoggerLevel(slog.LevelError)
	err := run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	reportError(os.Stderr, err)
	os.Exit(exitCode(err))
}
