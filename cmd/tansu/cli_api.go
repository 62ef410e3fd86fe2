package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

var apiMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func newAPICommand(c *cli) *cobra.Command {
	var data, key string
	var headers []string
	cmd := c.verb(cobra.Command{
		Use: "api METHOD PATH", Args: cobra.ExactArgs(2),
		Short: "Send any request to the API",
		Long: "Send any request to the API, for what has no command of its own. The body of the answer goes to standard output\n" +
			"as it is, or as YAML with -o yaml; a problem ends with an error and an exit code like that of any other command.",
		Example: "  tansu api GET '/v1/tenants?count=exact'\n  tansu api POST /v1/tenants --data '{\"slug\":\"acme\",\"name\":\"Acme\"}'\n" +
			"  tansu api PUT /v1/tenants/acme/settings --data @settings.json",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return apiMethods, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}, func(ctx context.Context, s *session, args []string) error {
		r, err := s.apiCall(args[0], args[1], data, headers)
		if err != nil {
			return err
		}
		r.key = key
		a, err := s.do(ctx, r)
		if err != nil || len(a.body) == 0 {
			return err
		}
		if s.out.format == "table" || !json.Valid(a.body) {
			return s.out.write(bytes.TrimSuffix(a.body, []byte("\n")), "\n")
		}
		return printItem(s.out, nil, item[struct{}]{raw: a.body})
	})
	cmd.Flags().StringVarP(&data, "data", "d", "", "JSON body, @FILE or - for standard input")
	cmd.Flags().StringArrayVarP(&headers, "header", "H", nil, "further header, as 'Name: value'")
	cmd.Flags().StringVar(&key, "idempotency-key", "", "repeat an earlier call with its key; default: a new one")
	return cmd
}

func (s *session) apiCall(method, path, data string, headers []string) (call, error) {
	method = strings.ToUpper(method)
	if !slices.Contains(apiMethods, method) {
		return call{}, usagef("method %q is unknown; use one of %s", method, strings.Join(apiMethods, ", "))
	}
	if !strings.HasPrefix(path, "/") {
		return call{}, usagef("path %q must begin with a slash, like /v1/tenants; the server comes from --server", path)
	}
	path, rawQuery, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return call{}, usagef("the query of the path is malformed: %v", err)
	}
	r := call{method: method, path: path, query: query, header: http.Header{}}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return call{}, usagef("--header %q is not of the form 'Name: value'", h)
		}
		r.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if data != "" {
		raw, err := s.jsonInput("--data", data)
		if err != nil {
			return call{}, err
		}
		r.body = raw
	}
	return r, nil
}
