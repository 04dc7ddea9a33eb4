package exec

import (
	"slices"
	"testing"

	"react/ops/op"
)

func TestFitFlags(t *testing.T) {
	for _, c := range []struct {
		given Fit
		want  op.Fit
	}{
		{Fit{batch: "whole", memory: "none"}, op.Fit{}},
		{Fit{batch: "auto", memory: "2GiB", recompute: true}, op.Fit{MicroBatch: op.AutoBatch, Memory: 2 << 30, Recompute: true}},
		{Fit{batch: "64", memory: "none"}, op.Fit{MicroBatch: 64}},
	} {
		if err := c.given.Check(); err != nil {
			t.Fatal(err)
		}
		if got := c.given.On("go"); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.given, got, c.want)
		}
	}
	auto := Fit{batch: "whole", memory: "auto"}
	if got := auto.limit("go"); got != 0 && got < 1<<20 { // 0 where the system does not say
		t.Errorf("this machine has %d bytes", got)
	}
	o := Fit{batch: "auto", memory: "none", recompute: true}
	if got := o.args(); !slices.Equal(got, []string{"--batch", "auto", "--memory", "none", "--recompute"}) {
		t.Errorf("a worker is given %v", got)
	}
}
