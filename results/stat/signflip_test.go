package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// contrastOf is a contrast of one stratum, with a difference in each cluster.
func contrastOf(t testing.TB, sums, sizes []float64) Contrast {
	t.Helper()
	line, other := make([]Cluster, len(sums)), make([]Cluster, len(sums))
	for i := range sums {
		line[i], other[i] = Cluster{sums[i], sizes[i]}, Cluster{0, sizes[i]}
	}
	c, err := NewContrast([]Measure{{line}}, []Measure{{other}}, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pAt is the p of a true difference by the definition: the share of all flips of
// the residuals whose sum is as far from 0 as it is.
func pAt(sums, sizes []float64, d float64) float64 {
	total := 0.0
	for i := range sums {
		total += sums[i] - d*sizes[i]
	}
	count := 0
	for bits := range 1 << len(sums) {
		sum := 0.0
		for i := range sums {
			sign := 1 - 2*float64(bits>>i&1)
			sum += sign * (sums[i] - d*sizes[i])
		}
		if math.Abs(sum) >= math.Abs(total)-1e-9 {
			count++
		}
	}
	return float64(count) / float64(int(1)<<len(sums))
}

// TestSignFlipByDefinition compares p and intervals with flips counted one by one.
func TestSignFlipByDefinition(t *testing.T) {
	for _, c := range []struct {
		name        string
		sums, sizes []float64
		p           float64
	}{
		{"all of one sign", []float64{1, 2, 3, 1, 2, 1}, []float64{4, 4, 4, 4, 4, 4}, 2.0 / 64},
		// none, the -1, it and either 1; and their mirrors
		{"one against", []float64{1, 2, 3, 1, 2, -1}, []float64{4, 4, 4, 4, 4, 4}, 8.0 / 64},
		{"uneven, with none", []float64{3, 0, -1, 4, 0, 2, 5, -2}, []float64{10, 2, 3, 8, 1, 6, 20, 4}, math.NaN()},
		{"as likely either way", []float64{1, -1, 2, -2, 0, 0, 0}, []float64{5, 5, 5, 5, 5, 5, 5}, 1},
	} {
		f := SignFlip(contrastOf(t, c.sums, c.sizes), 1000, 1)
		want := pAt(c.sums, c.sizes, 0)
		if !math.IsNaN(c.p) && math.Abs(want-c.p) > 1e-12 {
			t.Errorf("%s: p by definition is %v, by hand %v", c.name, want, c.p)
		}
		if math.Abs(f.P()-want) > 1e-12 {
			t.Errorf("%s: p = %v, want %v", c.name, f.P(), want)
		}
		for _, level := range []float64{0.05, 0.1, 0.3} {
			low, high := f.Interval(level)
			for _, end := range []struct{ inside, outside float64 }{{low + 1e-6, low - 1e-6}, {high - 1e-6, high + 1e-6}} {
				if math.IsInf(end.inside, 0) {
					continue
				}
				if in, out := pAt(c.sums, c.sizes, end.inside), pAt(c.sums, c.sizes, end.outside); low < high && in < level-1e-12 || out >= level {
					t.Errorf("%s: level %v gives [%v, %v], but p is %v within and %v outside", c.name, level, low, high, in, out)
				}
			}
		}
	}
}

// TestIntervalAndPAgree: at every level that a correction may ask for, p is below
// it exactly where its interval leaves out 0.
func TestIntervalAndPAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		w := world{clusters: 3 + rng.IntN(30), sizes: "uneven", sets: 1 + rng.IntN(2), line: 1 + rng.IntN(3), together: 0.3, seed: 0.1, effect: rng.Float64()}
		w.other = w.line * rng.IntN(2)
		d := w.draw(rng)
		c, err := NewContrast(d.line, d.other, w.line == w.other)
		if err != nil {
			t.Fatal(err)
		}
		f := SignFlip(c, 1000, rng.Uint64())
		for _, tests := range []float64{1, 2, 3, 7, 26, 51} {
			low, high := f.Interval(0.05 / tests)
			if out := low > 0 || high < 0; out != (f.P() < 0.05/tests) {
				t.Fatalf("%+v: p = %v, the interval of level %v is [%v, %v]", w, f.P(), 0.05/tests, low, high)
			}
			if low > c.Estimate || high < c.Estimate {
				t.Fatalf("the interval [%v, %v] does not hold the difference %v", low, high, c.Estimate)
			}
		}
	}
}

// TestSignFlipIsLikeT: with many even clusters and no seeds the interval is that
// of Student's t over clusters.
func TestSignFlipIsLikeT(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	sums, sizes := make([]float64, 400), make([]float64, 400)
	for i := range sums {
		sums[i], sizes[i] = 0.1+rng.NormFloat64(), 1
	}
	low, high := MeanInterval(sums)
	gotLow, gotHigh := SignFlip(contrastOf(t, sums, sizes), 20000, 1).Interval(0.05)
	if math.Abs(gotLow-low) > 0.04*(high-low) || math.Abs(gotHigh-high) > 0.04*(high-low) {
		t.Errorf("got [%v, %v], Student's is [%v, %v]", gotLow, gotHigh, low, high)
	}
}

// TestSeedsWiden: what seeds do to all clusters alike widens the interval, as much
// as t does where nothing else varies.
func TestSeedsWiden(t *testing.T) {
	shifts := []float64{-0.03, 0.01, 0.02, 0.05, 0}
	var line, other []Measure
	for _, shift := range shifts {
		m := make([]Cluster, 40)
		for i := range m {
			m[i] = Cluster{10 * (0.5 + shift), 10}
		}
		line = append(line, Measure{m})
	}
	fixed := make([]Cluster, 40)
	for i := range fixed {
		fixed[i] = Cluster{4.9, 10}
	}
	other = []Measure{{fixed}}
	c, err := NewContrast(line, other, false)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, len(shifts))
	for i, shift := range shifts {
		x[i] = 0.01 + shift
	}
	wantLow, wantHigh := MeanInterval(x)
	low, high := SignFlip(c, 50000, 1).Interval(0.05)
	if math.Abs(low-wantLow) > 0.06*(wantHigh-wantLow) || math.Abs(high-wantHigh) > 0.06*(wantHigh-wantLow) {
		t.Errorf("got [%v, %v], Student's over seeds is [%v, %v]", low, high, wantLow, wantHigh)
	}
	c.Seeds = nil
	if low, high := SignFlip(c, 10000, 1).Interval(0.05); high-low > 0.5*(wantHigh-wantLow) {
		t.Errorf("without seeds: [%v, %v] is not narrower", low, high)
	}
}

// TestSeedsThatCancelOut: one seed is right in a class where the other is wrong, so that their mean
// is the base's in each class. That is no proof that there is no difference: the interval holds what
// the seeds vary.
func TestSeedsThatCancelOut(t *testing.T) {
	seed := func(more float64) Measure {
		m := make([]Cluster, 10)
		for i := range m {
			m[i] = Cluster{1, 3}
		}
		m[4].Sum += more
		return Measure{m}
	}
	c, err := NewContrast([]Measure{seed(1), seed(-1)}, []Measure{seed(0)}, false)
	if err != nil {
		t.Fatal(err)
	}
	f := SignFlip(c, 10000, 1)
	if low, high := f.Interval(0.05); low > -1.0/30 || high < 1.0/30 || f.P() != 1 {
		t.Errorf("seeds at ±%v give %v [%v, %v] p=%v", 1.0/30, c.Estimate, low, high, f.P())
	}
}

// TestPairedSeedsCancel: what the same seed does to both sides is no source of
// variance of their difference.
func TestPairedSeedsCancel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var line, other []Measure
	for s := range 4 {
		a, b := make([]Cluster, 20), make([]Cluster, 20)
		for i := range a {
			common := 5 + float64(s) + rng.Float64()
			a[i], b[i] = Cluster{common + rng.Float64(), 10}, Cluster{common, 10}
		}
		line, other = append(line, Measure{a}), append(other, Measure{b})
	}
	paired, err := NewContrast(line, other, true)
	if err != nil {
		t.Fatal(err)
	}
	apart, err := NewContrast(line, other, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(paired.Seeds) != 1 || len(apart.Seeds) != 2 || paired.Seeds[0].Mean > 0.01*apart.Seeds[0].Mean {
		t.Errorf("paired %+v, apart %+v", paired.Seeds, apart.Seeds)
	}
}

// TestMeanOverSets: each set counts once, whatever its size, and what sets differ
// in is no noise.
func TestMeanOverSets(t *testing.T) {
	set := func(n int, size, gain float64, first int) (line, other []Cluster) {
		line, other = make([]Cluster, 40), make([]Cluster, 40)
		for i := range n {
			own := gain + 0.1*float64(i%3-1)
			line[first+i], other[first+i] = Cluster{size * (0.5 + own), size}, Cluster{size * 0.5, size}
		}
		return line, other
	}
	a, x := set(30, 100, 0.3, 0)
	b, y := set(9, 2, -0.1, 30)
	c, err := NewContrast([]Measure{{a, b}}, []Measure{{x, y}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(c.Estimate-0.1) > 1e-12 || c.Clusters != 39 {
		t.Errorf("got %v over %d clusters, want the plain mean 0.1 over 39", c.Estimate, c.Clusters)
	}
	low, high := SignFlip(c, 10000, 1).Interval(0.05)
	// s.e.: half of what each set's own mean has, of classes that vary by 0.08 around it.
	if want := 2 * 0.5 * 0.0866 * math.Sqrt(1.0/30+1.0/9); high-low > 2.6*want || high-low < 1.4*want {
		t.Errorf("got [%v, %v], %v wide, want about %v", low, high, high-low, 2*want)
	}
	b[30], y[30] = Cluster{}, Cluster{}
	for i := 31; i < 39; i++ {
		b[i], y[i] = Cluster{}, Cluster{}
	}
	b[39], y[39] = Cluster{1, 2}, Cluster{0, 2}
	if _, err := NewContrast([]Measure{{a, b}}, []Measure{{x, y}}, false); err != ErrFewClusters {
		t.Errorf("a set with one class: got %v", err)
	}
}

func TestUnequalMeasures(t *testing.T) {
	a, b := Measure{{{1, 2}, {1, 2}}}, Measure{{{1, 2}, {1, 3}}}
	if _, err := NewContrast([]Measure{a}, []Measure{b}, false); err == nil {
		t.Error("clusters of other sizes are compared")
	}
	if _, err := NewContrast(nil, []Measure{b}, false); err == nil {
		t.Error("nothing is compared with something")
	}
}

// TestHolmLevels: an adjusted p is below alpha exactly where p is below its level.
func TestHolmLevels(t *testing.T) {
	p := []float64{0.01, 0.04, math.NaN(), 0.03, 0.005, 0.9, 0.05 / 3}
	adjusted, levels := Holm(p, 0.05)
	for i, want := range []float64{0.05 / 5, 0.05 / 5, math.NaN(), 0.05 / 5, 0.05 / 6, 0.05 / 5, 0.05 / 5} {
		near(t, "level", levels[i], want, 1e-12) // 0.005 is below 0.05/6, 0.01 is not below 0.05/5
		if !math.IsNaN(p[i]) && (adjusted[i] < 0.05) != (p[i] < levels[i]) {
			t.Errorf("p %v: adjusted %v, level %v", p[i], adjusted[i], levels[i])
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		p := make([]float64, 1+rng.IntN(30))
		for i := range p {
			p[i] = float64(rng.IntN(200)) / 10000
		}
		adjusted, levels := Holm(p, 0.05)
		for i := range p {
			if (adjusted[i] < 0.05) != (p[i] < levels[i]-1e-12) {
				t.Fatalf("of %d: p %v, adjusted %v, level %v", len(p), p[i], adjusted[i], levels[i])
			}
		}
	}
}

func BenchmarkSignFlip(b *testing.B) {
	w := world{clusters: 300, sizes: "2", sets: 1, line: 5, other: 5, together: 0.3, seed: 0.1}
	d := w.draw(rand.New(rand.NewPCG(1, 1)))
	c, err := NewContrast(d.line, d.other, true)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		SignFlip(c, 10_000, 1)
	}
}
