package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen takes the port before anything else starts, so that a busy one costs
// no time.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	_, port, _ := net.SplitHostPort(addr) // the configuration has checked it
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is in use: another program listens on %s; end it, or choose another address with --http-addr or TANSU_HTTP_ADDR", port, addr)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("port %s needs privileges that tansu does not have; choose one above 1023 with --http-addr or TANSU_HTTP_ADDR", port)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with --http-addr or TANSU_HTTP_ADDR", addr, err)
	}
	return listener, nil
}
