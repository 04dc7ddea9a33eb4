package train

import "testing"

func TestLearningRate(t *testing.T) {
	for _, c := range []struct {
		step int
		want float64
	}{{0, 0.1}, {4, 0.5}, {9, 1}, {10, 1}, {55, 0.5}} {
		if got := learningRate(1, c.step, 10, 100); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("step %d: got %v, want %v", c.step, got, c.want)
		}
	}
	if last := learningRate(1, 99, 10, 100); last <= 0 || last > 1e-3 {
		t.Errorf("last step: got %v, want just over 0", last)
	}
	if got := learningRate(1, 0, 0, 1); got != 1 {
		t.Errorf("one step without warm-up: got %v, want 1", got)
	}
}
