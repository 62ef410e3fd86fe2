package outbound

import "net/netip"

// special are the ranges that are not of the public internet, or stand for
// others that may not be (RFC 6890 and its registries).
var special = prefixes(
	"0.0.0.0/8",        // this host; 0.0.0.0 reaches loopback
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // behind a carrier's NAT; metadata of Alibaba Cloud
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // host of Azure's virtual machines
	"169.254.0.0/16",   // link-local; metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; metadata of Oracle's cloud
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // relays of 6to4
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved; broadcast
	"2001::/23",        // protocol assignments; Teredo holds IPv4 addresses
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4, holds IPv4 addresses
	"3fff::/20",        // documentation
)

var (
	// global is where public IPv6 addresses are; loopback, link-local, unique
	// local, multicast and mapped ones are elsewhere.
	global = netip.MustParsePrefix("2000::/3")
	// nat64 holds an IPv4 address in its last four bytes.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// public reports whether an address is one of the public internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !ip.IsValid() || ip.Zone() != "" || ip.Is6() && !global.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
