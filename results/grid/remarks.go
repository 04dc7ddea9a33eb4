package grid

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"react/data/words"
	"react/results/evaluation"
	"react/results/label"
	"react/results/plain"
)

// remark writes the sentences under the table: what ± is over, how many
// images, which tests, and every reason to doubt.
func (b *builder) remark() {
	b.grid.Over = plain.NonEmpty(b.aboutEffect(), b.aboutSeeds(), b.aboutImages())
	tests := append(b.aboutDifferences(), b.aboutCorrection()...)
	b.grid.OfTests = len(tests)
	b.grid.Remarks = append(tests,
		plain.NonEmpty(b.aboutInputs(), b.aboutFewSeeds(), b.aboutEngines(), b.aboutScale(), b.aboutGaps(), b.aboutHoles())...)
}

// EachCell visits every cell once, by line, metric and column; one that spans columns too.
func (g *Grid) EachCell(visit func(metric int, line *Line, c *Cell)) {
	for i := range g.Lines {
		for m, cells := range g.Lines[i].Cells {
			for c, cell := range cells {
				if c == 0 || !Shared(cells, c, c-1) {
					visit(m, &g.Lines[i], cell)
				}
			}
		}
	}
}

// SeedRange is the smallest and largest number of seeds of the cells that have
// some and mix nothing else.
func (g *Grid) SeedRange() (least, most int) {
	g.EachCell(func(_ int, _ *Line, c *Cell) {
		if c.Seeds == 0 || len(c.Residue) > 0 {
			return
		}
		if least == 0 || c.Seeds < least {
			least = c.Seeds
		}
		most = max(most, c.Seeds)
	})
	return least, most
}

func (b *builder) aboutEffect() string {
	if b.effect == nil {
		return ""
	}
	return b.effect.text
}

func (b *builder) aboutSeeds() string {
	what := "sample standard deviation"
	if b.spec.Spread == "ci95" {
		what = "half the 95 % interval of the mean (Student's t)"
	}
	switch least, most := b.grid.SeedRange(); {
	case most < 2:
		return ""
	case least == most:
		return fmt.Sprintf("Mean ± %s over %d seeds of tuning; a value without ± is the same for every seed.", what, most)
	default:
		return fmt.Sprintf("Mean ± %s over %d seeds of tuning, or over as many as n says; a value without either is the same for every seed.", what, most)
	}
}

// aboutImages says over how many images each evaluation is.
func (b *builder) aboutImages() string {
	var parts, sets []string
	for m, metric := range b.grid.Metrics {
		if evaluation.IsStage(metric.Set) || slices.Contains(sets, metric.Set) {
			continue
		}
		counts := map[int]bool{}
		b.grid.EachCell(func(at int, _ *Line, c *Cell) {
			for _, p := range c.Points {
				if at == m && p.N > 0 {
					counts[p.N] = true
				}
			}
		})
		if text := countText(counts); text != "" {
			sets = append(sets, metric.Set)
			parts = append(parts, label.Title(metric.Set)+" "+text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Test images: " + strings.Join(parts, ", ") + "."
}

func countText(counts map[int]bool) string {
	list := slices.Sorted(maps.Keys(counts))
	switch len(list) {
	case 0:
		return ""
	case 1:
		return strconv.Itoa(list[0])
	}
	return fmt.Sprintf("%d to %d (differs between cells)", list[0], list[len(list)-1])
}

var allMethods = []Method{flipClasses, flipImages, flipSets, redrawn, mcNemarTest}

// Methods lists the methods of the grid's tests, in a fixed order.
func (g *Grid) Methods() []Method {
	var used []Method
	for _, m := range allMethods {
		if slices.ContainsFunc(g.tests, func(d *Difference) bool { return d.Method == m }) {
			used = append(used, m)
		}
	}
	return used
}

// aboutDifferences names the method of each metric, and where a whole metric has
// no test, why; single differences without one, and metrics that need several
// methods, have footnotes.
func (b *builder) aboutDifferences() []string {
	metricsOf, untested := map[Method][]string{}, map[string][]string{}
	for m, metric := range b.grid.Metrics {
		used, whys := map[Method]bool{}, map[string]bool{}
		b.eachDifference(m, func(d *Difference) {
			if d.Method != "" {
				used[d.Method] = true
			} else {
				whys[d.NoTest] = true
			}
		})
		if len(used) == 0 && len(whys) == 1 {
			why := sortedKeys(whys)[0]
			untested[why] = append(untested[why], metric.Shown)
			continue
		}
		b.eachDifference(m, func(d *Difference) {
			switch {
			case d.Method == "":
				d.Notes = b.addNote(d.Notes, untestedNote(d.NoTest))
			case len(used) > 1:
				d.Notes = b.addNote(d.Notes, methodText[d.Method])
			}
		})
		if len(used) == 1 {
			for method := range used {
				metricsOf[method] = append(metricsOf[method], metric.Shown)
			}
		}
	}
	var out []string
	for _, method := range allMethods {
		if names := metricsOf[method]; len(names) > 0 && len(metricsOf) == 1 && len(untested) == 0 {
			out = append(out, "Differences: "+methodText[method]+".")
		} else if len(names) > 0 {
			out = append(out, "Differences in "+strings.Join(names, ", ")+": "+methodText[method]+".")
		}
	}
	for _, why := range sortedKeys(untested) {
		out = append(out, "No test for "+strings.Join(untested[why], ", ")+": "+why+"; ± is the standard deviation of the difference over seeds.")
	}
	return out
}

// eachDifference visits the differences to the baseline in a metric.
func (b *builder) eachDifference(metric int, visit func(*Difference)) {
	for i := range b.grid.Lines {
		for _, d := range b.grid.Lines[i].Differences[metric] {
			if d != nil {
				visit(d)
			}
		}
	}
}

func (b *builder) aboutFewSeeds() string {
	if slices.ContainsFunc(b.grid.tests, func(d *Difference) bool { return d.Flips != nil && d.Flips.OneSeed }) {
		return "Warning: one side of a test has a single seed: p and interval hold for that model and say nothing about other seeds."
	}
	least, most := b.grid.SeedRange()
	if least == 0 || least >= minSeeds {
		return ""
	}
	where := ""
	if least != most {
		where = " in some cells"
	}
	return fmt.Sprintf("Warning: only %s%s; with fewer than %d, ± and tests say little about other seeds.", words.Plural(least, "seed"), where, minSeeds)
}

// aboutInputs says what is known of the data, each once.
func (b *builder) aboutInputs() string {
	slices.Sort(b.inputs)
	return strings.Join(slices.Compact(b.inputs), " ")
}

// aboutEngines warns when engines differ between cells, and names one that computes f32 in another
// precision.
func (b *builder) aboutEngines() string {
	all := map[string]bool{}
	b.grid.EachCell(func(_ int, _ *Line, c *Cell) {
		for _, e := range c.Engines {
			all[e] = true
		}
	})
	if engines := sortedKeys(all); len(engines) == 1 && strings.Contains(engines[0], "TF32") {
		return "Engine: " + engines[0] + ", which computes products of f32 with 10 bits of the mantissa."
	}
	if len(all) < 2 {
		return ""
	}
	return "Warning: the table mixes engines: " + strings.Join(sortedKeys(all), ", ") + "."
}

// aboutScale warns of a percent metric with values over one.
func (b *builder) aboutScale() string {
	over := map[string]bool{}
	b.grid.EachCell(func(m int, _ *Line, c *Cell) {
		if metric := b.grid.Metrics[m]; metric.Percent && math.Abs(c.Mean) > 1+1e-9 {
			over[metric.Name] = true
		}
	})
	if len(over) == 0 {
		return ""
	}
	return "Warning: over 100 %, so not a fraction as percentages must be: " + strings.Join(sortedKeys(over), ", ") + "."
}

// aboutGaps names the metrics that the table asks for and that no trial gives.
func (b *builder) aboutGaps() string {
	if len(b.gaps) == 0 {
		return ""
	}
	return "No trial gives " + strings.Join(b.gaps, ", ") + ": those cells are empty."
}

func (b *builder) aboutHoles() string {
	counts := map[Status]int{}
	b.grid.EachCell(func(_ int, _ *Line, c *Cell) { counts[c.Status]++ })
	var parts []string
	for _, s := range []Status{Failed, Pending, Partial} {
		if counts[s] > 0 {
			parts = append(parts, words.Plural(counts[s], "cell")+" "+string(s))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Warning: the sweep is not complete: " + strings.Join(parts, ", ") + "."
}
