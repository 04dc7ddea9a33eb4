package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/idna"
)

// errPrivate is a connection that was refused before it was made.
var errPrivate = errors.New("not an address of the public internet")

// special4 are the addresses of IANA's registry of special-purpose ones (RFC 6890): none
// is a host on the internet.
var special4 = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
	"240.0.0.0/4")

// special6 are those within 2000::/3, outside of which nothing is public: Teredo, benchmarks
// and ORCHID, documentation, 6to4 (which holds an IPv4 address, and relays are gone).
var (
	public6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
	nat64    = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// isPublic says whether an address is of a host on the internet. An IPv4 address within an
// IPv6 one counts by itself where it is reached so: mapped, and behind a network's NAT64.
func isPublic(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	if ip = ip.Unmap(); nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	special := special4
	if !ip.Is4() {
		if !public6.Contains(ip) {
			return false
		}
		special = special6
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsValid()
}

// publicOnly refuses connections to this machine and to networks that are not the internet,
// by the address that a name came to: what DNS says, and where redirects lead, is checked too.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(at.Addr()) {
		return errPrivate
	}
	return nil
}

// router asks directly, or through the proxy that the environment names (HTTP_PROXY,
// HTTPS_PROXY, NO_PROXY). The proxy may be in a private network. It makes the connection and
// asks DNS itself, so that of what is behind it only the name can be checked: an address is
// checked as it stands, and a name by what DNS here says of it, if it says anything.
type router struct {
	direct, proxied *http.Transport
	proxy           func(*http.Request) (*url.URL, error)
	names           *names // nil: nothing is checked
}

// newRouter makes a router of two copies of a transport.
func newRouter(base *http.Transport, dialer *net.Dialer, opts Options) *router {
	r := &router{direct: base.Clone(), proxied: base.Clone(), proxy: opts.proxy}
	if r.proxy == nil {
		r.proxy = http.ProxyFromEnvironment
	}
	guarded := *dialer
	if !opts.AllowPrivate {
		guarded.Control = publicOnly
		r.names = &names{known: map[string]bool{}, lookup: net.DefaultResolver.LookupNetIP}
	}
	r.direct.Proxy, r.direct.DialContext = nil, guarded.DialContext
	r.proxied.Proxy, r.proxied.DialContext = r.proxy, dialer.DialContext
	// To the proxy they are all of one host; the queue keeps to what each site may bear.
	r.proxied.MaxConnsPerHost, r.proxied.MaxIdleConnsPerHost = 0, opts.Workers
	return r
}

// RoundTrip sends one request, of those that redirects make too.
func (r *router) RoundTrip(request *http.Request) (*http.Response, error) {
	proxy, err := r.proxy(request)
	if err != nil {
		return nil, permanent("the proxy that the environment names: " + err.Error())
	}
	if proxy == nil {
		return r.direct.RoundTrip(request)
	}
	if r.names != nil && !r.names.isPublic(request.Context(), request.URL.Hostname()) {
		return nil, errPrivate
	}
	return r.proxied.RoundTrip(request)
}

// CloseIdleConnections closes those of both ways.
func (r *router) CloseIdleConnections() {
	r.direct.CloseIdleConnections()
	r.proxied.CloseIdleConnections()
}

// names remembers which hosts behind a proxy may be asked for.
type names struct {
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu     sync.Mutex
	known  map[string]bool
	silent int // look-ups in a row that had no answer
}

// Behind many proxies DNS has no answer for names of the internet: look-ups are short, and
// after some without any answer there are no more.
const (
	lookupTime = 2 * time.Second
	lookupsTry = 5
)

// inside are the last parts of names that no host on the internet has.
var inside = []string{"localhost", "local", "internal", "lan", "intranet", "corp", "home"}

// isPublic says whether a host may be asked for by name.
func (n *names) isPublic(ctx context.Context, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii // as it goes to the proxy
	}
	if ip, ok := addressOf(host); ok {
		return isPublic(ip)
	}
	top := host[strings.LastIndexByte(host, '.')+1:]
	if top == host || slices.Contains(inside, top) || strings.HasSuffix(host, ".home.arpa") {
		return false
	}
	n.mu.Lock()
	ok, known := n.known[host]
	ask := n.silent < lookupsTry
	n.mu.Unlock()
	if known || !ask {
		return ok || !known
	}
	return n.ask(ctx, host)
}

func (n *names) ask(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := n.lookup(ctx, "ip", host)
	ok := true
	for _, ip := range found {
		ok = ok && isPublic(ip)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var dns *net.DNSError
	if n.silent++; err == nil || errors.As(err, &dns) && dns.IsNotFound {
		n.silent = 0
	}
	if len(n.known) >= maxOrigins {
		clear(n.known)
	}
	n.known[host] = ok
	return ok
}

// addressOf reads a host that is an address, in the short, octal and hexadecimal forms too
// that C's inet_aton, and so many a proxy, takes: 127.1, 0x7f000001, 2130706433.
func addressOf(host string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	whole := uint64(0)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		last := i == len(parts)-1
		switch {
		case err != nil || strings.Contains(part, "_"),
			!last && n > 255, last && n >= 1<<(8*(5-len(parts))):
			return netip.Addr{}, false
		case last:
			whole |= n
		default:
			whole |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(whole)))), true
}
