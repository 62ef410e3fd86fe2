package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client finds out where a request comes from and whether it was sent over
// https. What X-Forwarded-For and X-Forwarded-Proto say counts only if a proxy
// in one of the trusted networks says it: anybody can send these headers.
func Client(trusted []netip.Prefix) Func {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			info := From(r.Context())
			info.Address, info.Secure = connectionAddress(r), r.TLS != nil
			if peer, ok := parseHop(r.RemoteAddr); ok && within(trusted, peer) {
				info.Address = origin(peer, r.Header.Values("X-Forwarded-For"), trusted).String()
				if schemes := r.Header.Values("X-Forwarded-Proto"); len(schemes) > 0 {
					all := elements(schemes)
					info.Secure = strings.EqualFold(all[len(all)-1], "https")
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// ClientAddress is where a request comes from: an IP address without a port.
func ClientAddress(r *http.Request) string {
	if address := From(r.Context()).Address; address != "" {
		return address
	}
	return connectionAddress(r)
}

func connectionAddress(r *http.Request) string {
	if peer, ok := parseHop(r.RemoteAddr); ok {
		return peer.String()
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// origin follows the hops from the nearest on, as long as each is vouched for by
// a trusted one. What stands further left may be made up.
func origin(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	at := peer
	for _, hop := range slices.Backward(elements(forwarded)) {
		next, ok := parseHop(hop)
		if !ok {
			break
		}
		if at = next; !within(trusted, at) {
			break
		}
	}
	return at
}

// elements are the members of a list that may be spread over header lines.
func elements(lines []string) []string {
	list := strings.Split(strings.Join(lines, ","), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// parseHop reads an address as proxies write it: 192.0.2.1, 192.0.2.1:80, ::1,
// [::1] or [::1]:80.
func parseHop(text string) (netip.Addr, bool) {
	bare := text
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		bare = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Network is what one household or host has: of IPv6 that is a /64.
func Network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Unmap().Is4() {
		return address
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
