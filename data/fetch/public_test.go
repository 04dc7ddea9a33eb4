package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestPrivate: lists come from the web, so that they may not reach into networks.
func TestPrivate(t *testing.T) {
	h := serve(t)
	opts := fast(t.TempDir())
	opts.AllowPrivate = false
	stats, err := Run(t.Context(), list(addresses(h, "ok", 2)...), opts)
	if err != nil || stats.Causes[errPrivate.Error()] != 2 || h.total() != 0 || len(h.times("/robots.txt")) != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestIsPublic(t *testing.T) {
	for kind, addresses := range map[string]string{
		"this machine":  "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 ::1 ::",
		"private":       "10.0.0.1 172.16.0.1 172.31.255.255 192.168.3.4 fc00::1 fd00::1 fec0::1",
		"link-local":    "169.254.169.254 fe80::1 fe80::1%eth0",
		"shared":        "100.64.1.1 100.127.255.255",
		"benchmarks":    "198.18.0.1 198.19.255.255 2001:2::1",
		"documentation": "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1",
		"reserved":      "192.0.0.8 192.88.99.1 240.0.0.1 255.255.255.254 100::1 4000::1 5f00::1",
		"multicast":     "224.0.0.1 239.255.255.255 ff02::1 255.255.255.255",
		"mapped":        "::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:198.18.0.1",
		"compatible":    "::10.0.0.1 ::93.184.216.34",
		"NAT64":         "64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::c612:1 64:ff9b:1::5db8:d822",
		"6to4":          "2002:7f00:1:: 2002:a9fe:a9fe::1 2002:5db8:d822::1",
		"Teredo":        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	} {
		for _, address := range strings.Fields(addresses) {
			at := net.JoinHostPort(address, "80")
			if isPublic(netip.MustParseAddr(address)) || !errors.Is(publicOnly("tcp", at, nil), errPrivate) {
				t.Errorf("%s: %s is taken for public", kind, address)
			}
		}
	}
	for _, address := range strings.Fields("93.184.216.34 1.1.1.1 100.63.255.255 100.128.0.0 172.32.0.1 198.17.255.255 198.20.0.0 223.255.255.255 " +
		"2606:2800:220:1::1 2a00:1450::1 2001:4860:4860::8888 ::ffff:93.184.216.34 64:ff9b::5db8:d822") {
		if !isPublic(netip.MustParseAddr(address)) || publicOnly("tcp", net.JoinHostPort(address, "443"), nil) != nil {
			t.Errorf("%s is refused", address)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestAddressOf(t *testing.T) {
	for host, want := range map[string]string{"127.1": "127.0.0.1", "0x7f000001": "127.0.0.1", "2130706433": "127.0.0.1", "0177.0.0.01": "127.0.0.1",
		"0x7f.1": "127.0.0.1", "10.1.258": "10.1.1.2", "::1": "::1", "1.2.3.4": "1.2.3.4", "0": "0.0.0.0",
		"a.example": "", "1.2.3.4.5": "", "256.1": "", "1.2.3.256": "", "4294967296": "", "1_0.0.0.1": "", "": ""} {
		got, ok := addressOf(host)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: got %v, %v, want %s", host, got, ok, want)
		}
	}
}

// TestProxy: a proxy of a private network is used, for redirects too, and of what lies behind
// it nothing is asked for that is no public address, by number or by what DNS says.
func TestProxy(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.String())
		mu.Unlock()
		switch r.URL.Host {
		case "moved.example":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		default:
			fmt.Fprint(w, "not an image")
		}
	}))
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := fast(t.TempDir()).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	opts.AllowPrivate = false
	opts.proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "direct.example" || strings.HasPrefix(r.URL.Host, "127.0.0.1") {
			return nil, nil // NO_PROXY
		}
		return through, nil
	}
	c := newClient(opts)
	defer c.close()
	c.http.Transport.(*router).names.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		switch host {
		case "inside.example":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.7")}, nil
		case "unknown.example":
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
	}
	for address, refused := range map[string]bool{
		"http://public.example/a": false, "http://unknown.example/a": false, "http://93.184.216.34/a": false,
		"http://inside.example/a": true, "http://10.0.0.7/a": true, "http://2130706433/a": true, "http://127.1/a": true, "http://[::1]/a": true,
		"http://localhost./a": true, "http://metadata.google.internal/a": true, "http://intranet/a": true, "http://\uff11\uff10.0.0.1/a": true,
		"http://moved.example/a": true, proxy.URL + "/a": true,
	} {
		mu.Lock()
		asked = nil
		mu.Unlock()
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.ask(t.Context(), u)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		first := "http://moved.example/a"
		if isRefused := err != nil && faultOf(err).cause == errPrivate.Error(); isRefused != refused || refused && len(asked) > 0 && (address != first || len(asked) > 1) || !refused && len(asked) != 1 {
			t.Errorf("%s: %v, the proxy was asked for %q; want refused %v", address, err, asked, refused)
		}
	}
}

// TestDeadProxy: that the proxy does not answer is told of the proxy, not of the sites.
func TestDeadProxy(t *testing.T) {
	proxy := httptest.NewServer(nil)
	through, err := url.Parse(proxy.URL)
	proxy.Close()
	if err != nil {
		t.Fatal(err)
	}
	opts := fast(t.TempDir())
	opts.IgnoreRobots = true
	opts.proxy = http.ProxyURL(through)
	stats, err := Run(t.Context(), list(Item{"http://a.example/1", ""}, Item{"http://a.example/2", ""}), opts)
	if err != nil || stats.Causes["proxy: connection refused"] != 2 || stats.Temporary != 2 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// TestSilentNames: where DNS has no answer, look-ups end.
func TestSilentNames(t *testing.T) {
	n := &names{known: map[string]bool{}}
	asked := 0
	n.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		asked++
		return nil, context.DeadlineExceeded
	}
	for i := range 20 {
		if !n.isPublic(t.Context(), fmt.Sprintf("a%d.example", i)) {
			t.Error("a name of which nothing is known is refused")
		}
	}
	if asked != lookupsTry {
		t.Errorf("%d look-ups, want %d", asked, lookupsTry)
	}
}
