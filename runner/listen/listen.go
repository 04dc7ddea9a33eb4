// Package listen serves a page on an address until its context ends: to this machine
// alone, unless the address says otherwise.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"react/runner/cli"
)

// Server is a page and where it is served.
type Server struct {
	Address string // as --listen has it
	Says    string // what the page does, after its address: "shows trial x"
	Handler func(local bool) http.Handler
}

// Check says what is wrong with an address; example is one that is right.
func Check(address, example string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return cli.Usage(fmt.Errorf("--listen %s: %w (%s is one)", address, err, example))
	}
	return nil
}

// Run prints the page's address and answers until ctx ends, which is how it is meant
// to end.
func (s Server) Run(ctx context.Context, stdout, stderr io.Writer) error {
	listener, err := net.Listen("tcp", s.Address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w (another port, or port 0 for a free one)", s.Address, err)
	}
	local := isLoopback(s.Address)
	if !local {
		fmt.Fprintln(stderr, "warning: the page is open to everyone who reaches this port")
	}
	fmt.Fprintf(stdout, "http://%s/ %s; Ctrl-C ends it\n", listener.Addr(), s.Says)
	return answer(ctx, listener, s.Handler(local))
}

func answer(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	soon, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(soon); err != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Guard sets the headers that keep a page to itself. With local, requests for another
// host than this machine's own names are refused, so that no page on the web can read
// it by a name that it points here; command is the one that serves.
func Guard(handler http.Handler, local bool, command string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !isThisMachine(r.Host) {
			http.Error(w, "this page is for this machine alone ("+command+" --listen serves others)", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		handler.ServeHTTP(w, r)
	})
}

// isLoopback says whether an address to listen on is reached from this machine alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isThisMachine(host)
}

// isThisMachine says whether a host, as a request's Host header has it, with a port
// or, on port 80, without, is a name of this machine.
func isThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
