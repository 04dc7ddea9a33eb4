package listen

import "testing"

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:0": true, ":1": false, "0.0.0.0:1": false, "10.1.2.3:4": false} {
		if isLoopback(address) != want {
			t.Errorf("%s: loopback %v", address, !want)
		}
	}
}
