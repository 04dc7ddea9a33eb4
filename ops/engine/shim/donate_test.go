package shim

import "testing"

// TestDonate: the inputs that are donated get the attribute, beside others that they have, in the
// main function alone; a program that is written otherwise stays as it is.
func TestDonate(t *testing.T) {
	const other, main, mark = "func.func @other(%p0: tensor<f32>) {}\n", "func.func @main(", "jax.buffer_donor = true"
	for _, c := range []struct {
		program string
		donated []bool
		want    string
	}{
		{main + "%p0: tensor<2x3xf32>, %p1: tensor<f32>) {", []bool{true, false},
			main + "%p0: tensor<2x3xf32> {" + mark + "}, %p1: tensor<f32>) {"},
		{main + "%p0: tensor<f32> { a = 1 }, %p1: tensor<f32>)", []bool{true, true},
			main + "%p0: tensor<f32> {" + mark + ", a = 1 }, %p1: tensor<f32> {" + mark + "})"},
		{other + main + "%p0: tensor<f32>)", []bool{true}, other + main + "%p0: tensor<f32> {" + mark + "})"},
		{main + "%p0: tensor<f32>)", []bool{false}, main + "%p0: tensor<f32>)"},
		{main + "%p0: tensor<f32>)", []bool{true, true}, main + "%p0: tensor<f32>)"},
		{other, []bool{true}, other},
	} {
		if got := string(donate([]byte(c.program), c.donated)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.program, got, c.want)
		}
	}
}
