package cluster

import "testing"

func TestMemoryClass(t *testing.T) {
	const gib = 1 << 30
	for bytes, want := range map[float64]int64{0: 0, -1: 0, 1: gib, 0.6 * gib: gib, 0.7 * gib: 2 * gib, 3 * gib: 8 * gib} {
		if got := memoryClass(bytes); got != want {
			t.Errorf("%g bytes: got %d, want %d", bytes, got, want)
		}
	}
}
