package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// world is how test images of a simulation come about. An image is right for a
// model when the sum of what its class is like (shared by both models), what its
// class is like for this model alone, the image, the seed and chance is above 0.
// Without an effect the two models are equally good.
type world struct {
	clusters int // of each set
	// images of a class: "2", "20", "uneven" (log-normal), "zipf" (100, 50, 33, ...)
	sizes string
	// evaluation sets that are averaged; one is better than its like by what another is worse
	sets  int
	line  int // seeds of the line
	other int // seeds of the other side; 0: one fixed model
	// deviation of what a class is like for one model alone: its images move together
	together float64
	seed     float64 // deviation of what a seed does to all images
	skewed   bool    // a few classes gain much, most lose a little
	effect   float64 // what the line is better by, in deviations of an image
}

// worlds are those whose false positives are held at nominal.
func worlds(clusters []int, sizes []string) []world {
	var out []world
	for _, n := range clusters {
		for _, size := range sizes {
			for _, w := range []world{
				{line: 1, together: 0.5},
				{line: 3, together: 0.5},
				{line: 3, other: 3},
				{line: 3, other: 3, together: 0.5, seed: 0.1},
				{line: 5, other: 5, together: 0.5, seed: 0.3},
				{line: 5, seed: 0.2},
				{line: 5, other: 3, together: 0.5, seed: 0.1},
				{line: 3, together: 0.5, sets: 2},
			} {
				w.clusters, w.sizes, w.sets = n, size, max(1, w.sets)
				out = append(out, w)
			}
		}
	}
	return out
}

func (w world) sizesOfClasses(rng *rand.Rand) []int {
	sizes := make([]int, w.clusters)
	for i := range sizes {
		switch w.sizes {
		case "2":
			sizes[i] = 2
		case "20":
			sizes[i] = 20
		case "uneven":
			sizes[i] = 1 + int(math.Exp(2.3+rng.NormFloat64()))
		case "zipf":
			sizes[i] = max(1, 100/(i+1))
		}
	}
	return sizes
}

// drawn is one table: measures of both sides by seed, and McNemar's counts of
// their first seeds.
type drawn struct {
	line, other         []Measure
	onlyLine, onlyOther int
}

func (w world) draw(rng *rand.Rand) drawn {
	d := drawn{line: make([]Measure, w.line), other: make([]Measure, max(1, w.other))}
	lineShift, otherShift := make([]float64, w.line), make([]float64, max(1, w.other))
	for s := range lineShift {
		lineShift[s] = w.seed*rng.NormFloat64() + w.effect
	}
	for s := range w.other {
		otherShift[s] = w.seed * rng.NormFloat64()
	}
	for h := range w.sets {
		for _, side := range [][]Measure{d.line, d.other} {
			for s := range side {
				for range w.sets {
					if len(side[s]) <= h {
						side[s] = append(side[s], make([]Cluster, w.sets*w.clusters))
					}
				}
			}
		}
		better := 0.0
		if w.sets > 1 {
			better = 0.4 * (1 - 2*float64(h%2))
		}
		for g, n := range w.sizesOfClasses(rng) {
			common, mine, theirs := 0.7*rng.NormFloat64(), w.own(rng)+better, w.own(rng)
			if w.skewed {
				theirs = 0
			}
			for range n {
				image := common + rng.NormFloat64()
				var first [2]bool
				for s := range d.line {
					right := image+mine+lineShift[s]+0.5*rng.NormFloat64() > 0
					d.line[s][h][h*w.clusters+g].count(right)
					first[0] = first[0] && s > 0 || right && s == 0
				}
				for s := range d.other {
					right := image+theirs+otherShift[s]+0.5*rng.NormFloat64() > 0
					d.other[s][h][h*w.clusters+g].count(right)
					first[1] = first[1] && s > 0 || right && s == 0
				}
				switch first {
				case [2]bool{true, false}:
					d.onlyLine++
				case [2]bool{false, true}:
					d.onlyOther++
				}
			}
		}
	}
	return d
}

// own is what a class is like for one model alone.
func (w world) own(rng *rand.Rand) float64 {
	if w.skewed {
		return w.together * (rng.ExpFloat64() - 1)
	}
	return w.together * rng.NormFloat64()
}

func (c *Cluster) count(right bool) {
	c.Size++
	if right {
		c.Sum++
	}
}

// rates are the shares of tables in which a test finds p < 0.05.
type rates struct{ flips, mcNemar float64 }

// simulate makes tables of a world. It fails where p and interval do not agree.
func (w world) simulate(t testing.TB, tables, draws int) rates {
	rng := rand.New(rand.NewPCG(uint64(w.clusters+1000*w.sets), uint64(100*w.line+w.other)))
	var r rates
	for range tables {
		d := w.draw(rng)
		c, err := NewContrast(d.line, d.other, w.line == w.other)
		if err != nil {
			t.Error(w, err)
			return r
		}
		f := SignFlip(c, draws, rng.Uint64())
		low, high := f.Interval(0.05)
		if out := low > 0 || high < 0; out != (f.P() < 0.05) {
			t.Errorf("%+v: p = %v, interval [%v, %v]", w, f.P(), low, high)
		}
		if f.P() < 0.05 {
			r.flips += 1 / float64(tables)
		}
		if McNemar(d.onlyLine, d.onlyOther) < 0.05 {
			r.mcNemar += 1 / float64(tables)
		}
	}
	return r
}

// simulateAll runs worlds side by side; the answers do not depend on how many.
func simulateAll(t testing.TB, list []world, tables, draws int) []rates {
	out := make([]rates, len(list))
	var wait sync.WaitGroup
	free := make(chan bool, runtime.GOMAXPROCS(0))
	for i, w := range list {
		wait.Add(1)
		free <- true
		go func() {
			defer wait.Done()
			out[i] = w.simulate(t, tables, draws)
			<-free
		}()
	}
	wait.Wait()
	return out
}

// mostAt5 is what a share of so many tables exceeds once in a thousand times
// where the chance is 5 %.
func mostAt5(tables int) float64 {
	return 0.05 + 3.1*math.Sqrt(0.05*0.95/float64(tables)) + 0.5/float64(tables)
}

// TestFalsePositives simulates tables in which nothing differs. The share with
// p < 0.05 may not be above 5 % by more than chance, for few classes too; the
// long form (make simulate) writes results/false-positives.md.
func TestFalsePositives(t *testing.T) {
	clusters, sizes, tables := []int{6, 8, 12, 20, 60}, []string{"2", "uneven"}, 400
	if testing.Short() {
		clusters, tables = []int{6, 12, 20}, 200
	}
	list := worlds(clusters, sizes)
	for i, got := range simulateAll(t, list, tables, 400) {
		if got.flips > mostAt5(tables) {
			t.Errorf("%+v: p < 0.05 in %.1f %% of %d tables, want 5 %% at most", list[i], 100*got.flips, tables)
		}
	}
}

// TestPower holds that a large effect is found: a test that never finds anything
// has no false positives either.
func TestPower(t *testing.T) {
	list := []world{
		{clusters: 60, sizes: "20", sets: 1, line: 3, together: 0.2, effect: 0.5},
		{clusters: 60, sizes: "20", sets: 1, line: 5, other: 5, together: 0.2, seed: 0.05, effect: 0.5},
		{clusters: 12, sizes: "20", sets: 1, line: 1, together: 0.2, effect: 0.6},
		{clusters: 30, sizes: "20", sets: 2, line: 3, together: 0.2, effect: 0.5},
	}
	for i, got := range simulateAll(t, list, 100, 400) {
		if got.flips < 0.9 {
			t.Errorf("%+v: found in %.0f %% of 100 tables, want 90 %% at least", list[i], 100*got.flips)
		}
	}
}

// TestSimulate is the long form of TestFalsePositives.
func TestSimulate(t *testing.T) {
	path := os.Getenv("SIMULATE")
	if path == "" {
		t.Skip("takes minutes: make simulate, which names the file to write in SIMULATE")
	}
	const tables, draws = 1000, 500
	var b strings.Builder
	fmt.Fprintf(&b, simulationHead, tables, draws, 100*mostAt5(tables))
	list := worlds([]int{6, 8, 12, 20, 60}, []string{"2", "20", "uneven", "zipf"})
	for _, n := range []int{6, 12, 20, 60} {
		list = append(list, world{clusters: n, sizes: "20", sets: 1, line: 1, together: 0.5, skewed: true})
	}
	small, large := make([]world, len(list)), make([]world, len(list))
	for i, w := range list {
		small[i], large[i] = w, w
		small[i].effect, large[i].effect = 0.25, 0.5
	}
	none, some, much := simulateAll(t, list, tables, draws), simulateAll(t, small, tables/5, draws), simulateAll(t, large, tables/5, draws)
	over := 0
	for i, w := range list {
		other, mark := "one model", ""
		if w.other > 0 {
			other = fmt.Sprint(w.other)
		}
		if none[i].flips > mostAt5(tables) {
			mark = " †"
			if !w.skewed {
				over++
			}
		}
		kind := ""
		if w.skewed {
			kind = ", skewed"
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %d | %s | %.1f%s | %.2f | %.1f%s | %.1f | %.0f | %.0f |\n", w.clusters, w.sizes, w.sets, w.line, other, w.together, kind, w.seed,
			100*none[i].flips, mark, 100*none[i].mcNemar, 100*some[i].flips, 100*much[i].flips)
	}
	b.WriteString(pictures(t, tables, draws))
	if over > 0 {
		t.Errorf("%d worlds have more false positives than 5 %%", over)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

const simulationHead = `# False positives and power of the tables' test

` + "`make simulate`" + ` writes this page: %d simulated tables for each line (a fifth of them for each power), %d sign flips each, from fixed seeds. An image is
right for a model when the sum of five normal parts is above 0: what its class is like, what its class is like for this model alone (deviation
"together"), the image (deviation 1), what the seed does to all images ("seed"), and chance (0.5). False positives are the share of tables in which nothing
differs and p < 0.05, in percent; † is above %.1f, which 5 %% exceed once in a thousand times. Power is the share found, in percent, where one model is better by 0.25
and by 0.5 deviations of an image. McNemar's test, over single images and the first seeds, is there for comparison: where classes move together, or seeds
vary, it finds what is not there.

Sizes are images of a class: 2, 20, log-normal (median 11), or 100, 50, 33, 25 and so on. With two sets one is worse by what the other is better. Lines
marked skewed are outside of what the test assumes, that a class gains as likely as it loses: a few classes gain much, most lose a little.

| classes | sizes | sets | seeds | against | together | seed | false positives | McNemar's | power at 0.25 | power at 0.5 |
|--:|:--|--:|--:|:--|:--|--:|--:|--:|--:|--:|
`
