package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
)

const healthTimeout = 3 * time.Second

func newHealthCommand(a *app) *cobra.Command {
	return a.command(cobra.Command{
		Use:   "health",
		Short: "Ask the node on this machine whether it takes requests, for container health checks",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) error {
		cfg, err := a.settings(config.Default(), flags)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, healthTimeout)
		defer cancel()
		target := localURL(cfg.HTTP) + "/readyz"
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return err
		}
		// The certificate is for the public name, and nothing secret is sent.
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, ServerName: cfg.HTTP.Autocert.First(),
		}}}
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("the node does not answer: %w", err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", target, response.Status)
		}
		return nil
	})
}

// localURL is how this machine reaches its own server.
func localURL(cfg config.HTTP) string {
	scheme := "http://"
	if cfg.TLS() {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return scheme + cfg.Addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}
