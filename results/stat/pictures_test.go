package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"react/results"
	"react/results/dense"
)

// gallery is how a simulated table of pictures comes about: of objects found or of pixels named, by
// a line and what it is compared with, over several seeds.
type gallery struct {
	pictures    int
	pixels      bool    // mIoU; else AP50
	line, other int     // seeds
	together    float64 // what a picture is like for one model alone
	seed        float64 // what the seed does to all pictures
	effect      float64 // by which the line is better
}

// kinds are the categories of a picture's objects.
var kinds = []string{"cat", "cow", "car", "cup"}

// seen is what one model gave in all pictures: its figure with weights.
type seen func(weights []int32) float64

// draw makes the pictures and what each seed of both sides makes of them.
func (g gallery) draw(rng *rand.Rand) (line, other []seen) {
	scenes := make([][]float64, g.pictures) // how easy each object of a picture is
	for i := range scenes {
		scenes[i] = make([]float64, 1+rng.IntN(6))
		easy := 0.5 * rng.NormFloat64()
		for o := range scenes[i] {
			scenes[i][o] = easy + rng.NormFloat64()
		}
	}
	kindsOf := make([]int, 6*g.pictures)
	for i := range kindsOf {
		kindsOf[i] = rng.IntN(len(kinds))
	}
	side := func(seeds int, effect float64) (out []seen) {
		own := make([]float64, g.pictures)
		for i := range own {
			own[i] = g.together * rng.NormFloat64()
		}
		for range seeds {
			skill := effect + g.seed*rng.NormFloat64()
			if g.pixels {
				out = append(out, g.name(rng, scenes, kindsOf, own, skill))
			} else {
				out = append(out, g.find(rng, scenes, kindsOf, own, skill))
			}
		}
		return out
	}
	return side(g.line, g.effect), side(g.other, 0)
}

// find is a model that finds objects: the easier, the higher their scores, and of each kind now and
// then one that is not there.
func (g gallery) find(rng *rand.Rand, scenes [][]float64, kindsOf []int, own []float64, skill float64) seen {
	var rows []results.Found
	for i, objects := range scenes {
		for k, kind := range kinds {
			row := results.Found{Image: fmt.Sprint(i), Category: kind}
			for o, easy := range objects {
				if kindsOf[6*i+o] != k {
					continue
				}
				row.Objects[0]++
				if s := easy + own[i] + skill + 0.5*rng.NormFloat64(); s > -0.5 {
					row.Findings = append(row.Findings, results.Finding{Score: s, Hits: 1})
				}
			}
			for range rng.IntN(3) {
				row.Findings = append(row.Findings, results.Finding{Score: rng.NormFloat64()})
			}
			slices.SortStableFunc(row.Findings, func(a, b results.Finding) int { return int(math.Copysign(1, b.Score-a.Score)) })
			rows = append(rows, row)
		}
	}
	d := dense.NewDetection(rows)
	return func(w []int32) float64 { return d.Value(dense.Figure{At: 1}, w) }
}

// name is a model that names the pixels of objects of 100 pixels each; those that it does not see
// it takes for another kind.
func (g gallery) name(rng *rand.Rand, scenes [][]float64, kindsOf []int, own []float64, skill float64) seen {
	var rows []results.Pixels
	for i, objects := range scenes {
		of := map[string]*results.Pixels{}
		for _, kind := range kinds {
			of[kind] = &results.Pixels{Image: fmt.Sprint(i), Class: kind}
		}
		for o, easy := range objects {
			k := kindsOf[6*i+o]
			right := int(100 / (1 + math.Exp(-easy-own[i]-skill-0.5*rng.NormFloat64())))
			of[kinds[k]].All += 100
			of[kinds[k]].Right += right
			of[kinds[k]].Predicted += right
			of[kinds[(k+1+rng.IntN(len(kinds)-1))%len(kinds)]].Predicted += 100 - right
		}
		for _, kind := range kinds {
			rows = append(rows, *of[kind])
		}
	}
	s := dense.NewSegmentation(rows)
	return func(w []int32) float64 { return s.Value("mIoU", w) }
}

// simulate is the share of tables with p < 0.05. It fails where p and interval do not agree.
func (g gallery) simulate(t testing.TB, tables, draws int) (found float64) {
	rng := rand.New(rand.NewPCG(uint64(g.pictures), uint64(10*g.line+g.other)))
	for range tables {
		line, other := g.draw(rng)
		var figures []func([]int32) float64
		for _, one := range slices.Concat(line, other) {
			figures = append(figures, one)
		}
		seed := rng.Uint64()
		all := Redraw(g.pictures, draws, seed, figures)
		_, f := CompareDraws(all[:g.line], all[g.line:], g.line == g.other && g.line > 1, g.pictures, seed)
		low, high := f.Interval(0.05)
		if out := low > 0 || high < 0; out != (f.P() < 0.05) {
			t.Errorf("%+v: p = %v, interval [%v, %v]", g, f.P(), low, high)
		}
		if f.P() < 0.05 {
			found += 1 / float64(tables)
		}
	}
	return found
}

// galleries are the worlds in which the test is to hold.
func galleries(pictures ...int) (out []gallery) {
	for _, n := range pictures {
		for _, pixels := range []bool{false, true} {
			out = append(out,
				gallery{pictures: n, pixels: pixels, line: 1, other: 1, together: 0.5},
				gallery{pictures: n, pixels: pixels, line: 3, other: 1, together: 0.5},
				gallery{pictures: n, pixels: pixels, line: 3, other: 3, together: 0.3, seed: 0.1})
		}
	}
	return out
}

// simulateGalleries runs them side by side; the answers do not depend on how many.
func simulateGalleries(t testing.TB, list []gallery, tables, draws int) []float64 {
	out := make([]float64, len(list))
	var wait sync.WaitGroup
	free := make(chan bool, runtime.GOMAXPROCS(0))
	for i, g := range list {
		free <- true
		wait.Go(func() {
			out[i] = g.simulate(t, tables, draws)
			<-free
		})
	}
	wait.Wait()
	return out
}

// TestFalsePositivesOfPictures is TestFalsePositives for figures that are accumulated again over
// draws of pictures.
func TestFalsePositivesOfPictures(t *testing.T) {
	tables, list := 300, galleries(LeastPictures, 60)
	if testing.Short() {
		tables, list = 100, galleries(LeastPictures)
	}
	for i, got := range simulateGalleries(t, list, tables, 250) {
		if got > mostAt5(tables) {
			t.Errorf("%+v: p < 0.05 in %.1f %% of %d tables, want 5 %% at most", list[i], 100*got, tables)
		}
	}
}

// TestPowerOfPictures holds that a large effect is found.
func TestPowerOfPictures(t *testing.T) {
	for _, pixels := range []bool{false, true} {
		g := gallery{pictures: 60, pixels: pixels, line: 3, other: 3, together: 0.2, seed: 0.02, effect: 0.6}
		if got := g.simulate(t, 40, 300); got < 0.9 {
			t.Errorf("%+v: found in %.0f %% of 40 tables, want 90 %% at least", g, 100*got)
		}
	}
}

// pictures is the part of make simulate's page about them.
func pictures(t testing.TB, tables, draws int) string {
	var b strings.Builder
	fmt.Fprintf(&b, picturesHead, tables, draws, 100*mostAt5(tables))
	list := galleries(LeastPictures, 60, 200)
	better := slices.Clone(list)
	for i := range better {
		better[i].effect = 0.5
	}
	none, much := simulateGalleries(t, list, tables, draws), simulateGalleries(t, better, tables/5, draws)
	for i, g := range list {
		figure, mark := "AP50", ""
		if g.pixels {
			figure = "mIoU"
		}
		if none[i] > mostAt5(tables) {
			mark = " †"
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %d | %.1f | %.2f | %.1f%s | %.0f |\n", g.pictures, figure, g.line, g.other, g.together, g.seed,
			100*none[i], mark, 100*much[i])
	}
	return b.String()
}

const picturesHead = `
## Figures of pictures

Average precision and mIoU are no means over pictures: they are accumulated again over draws of the pictures. %d simulated tables for each line, %d draws
each. A picture holds 1 to 6 objects of 4 kinds, easier or harder together; a model finds the easier ones with higher scores, or names more of their pixels.
"Together" is what a picture is like for one model alone, the other words mean what they mean above; † is above %.1f. Power is where one model is better by 0.5.

| pictures | figure | seeds | against | together | seed | false positives | power at 0.5 |
|--:|:--|--:|--:|--:|--:|--:|--:|
`
