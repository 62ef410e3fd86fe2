package child

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// FreePort finds a loopback port below the range from which systems choose by
// themselves, so that it is still free when a server comes back to it.
func FreePort() (string, error) {
	const first, count = 20_000, 12_000
	for {
		port := strconv.Itoa(first + rand.IntN(count))
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return port, listener.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return "", err
		}
	}
}
