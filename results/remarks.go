package results

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// remark writes the sentences under the table: what ± is over, how many
// images, which tests, and every reason to doubt.
func (b *builder) remark() {
	b.grid.Over = nonEmpty(b.aboutEffect(), b.aboutSeeds(), b.aboutImages())
	b.grid.Remarks = append(b.aboutDifferences(),
		nonEmpty(b.aboutCorrection(), b.aboutInputs(), b.aboutFewSeeds(), b.aboutEngines(), b.aboutScale(), b.aboutHoles())...)
}

func (g *Grid) eachCell(visit func(metric int, line *Line, c *Cell)) {
	for i := range g.Lines {
		for m, cells := range g.Lines[i].Cells {
			for c, cell := range cells {
				if c == 0 || !shared(cells, c, c-1) {
					visit(m, &g.Lines[i], cell)
				}
			}
		}
	}
}

// seedRange is the smallest and largest number of seeds of the cells that have
// some and mix nothing else.
func (g *Grid) seedRange() (least, most int) {
	g.eachCell(func(_ int, _ *Line, c *Cell) {
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
	switch least, most := b.grid.seedRange(); {
	case most < 2:
		return ""
	case least == most:
		return fmt.Sprintf("Mean ± %s over %d seeds of tuning; what has no ± has no seeds.", what, most)
	default:
		return fmt.Sprintf("Mean ± %s over %d seeds of tuning, or as many as n says; what has neither has no seeds.", what, most)
	}
}

// aboutImages says over how many images each evaluation is.
func (b *builder) aboutImages() string {
	var parts, sets []string
	for m, metric := range b.grid.Metrics {
		if stages[metric.Set] || slices.Contains(sets, metric.Set) {
			continue
		}
		counts := map[int]bool{}
		b.grid.eachCell(func(at int, _ *Line, c *Cell) {
			for _, p := range c.Points {
				if at == m && p.N > 0 {
					counts[p.N] = true
				}
			}
		})
		if text := countText(counts); text != "" {
			sets = append(sets, metric.Set)
			parts = append(parts, metric.Set+" "+text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Test images: " + strings.Join(parts, ", ") + "."
}

func countText(counts map[int]bool) string {
	var list []int
	for n := range counts {
		list = append(list, n)
	}
	slices.Sort(list)
	switch len(list) {
	case 0:
		return ""
	case 1:
		return strconv.Itoa(list[0])
	}
	return fmt.Sprintf("%d to %d (differs between cells)", list[0], list[len(list)-1])
}

// methodText says in words what a method does.
var methodText = map[Method]string{
	PairedSeeds: "mean ± standard deviation of the differences at shared seeds, paired t test",
	WelchSeeds:  "difference of means, Welch's t test over seeds, since fewer than two seeds are shared",
	OneSample:   "mean ± standard deviation over seeds less the one fixed value, one-sample t test over seeds (it knows nothing of the choice of test images)",
	Images: fmt.Sprintf("difference with 95 %% interval (not corrected) of a bootstrap over classes (%d resamples of whole classes, images averaged over seeds), "+
		"exact McNemar test over images (the largest p of the seeds)", bootstrapResamples),
}

var allMethods = []Method{PairedSeeds, WelchSeeds, OneSample, Images}

// methods lists the methods of the grid's tests, in a fixed order.
func (g *Grid) methods() []Method {
	var used []Method
	for _, m := range allMethods {
		if slices.ContainsFunc(g.tests, func(d *Difference) bool { return d.Method == m }) {
			used = append(used, m)
		}
	}
	return used
}

// aboutDifferences names the method of each metric, or leaves it to footnotes
// where a metric needs several.
func (b *builder) aboutDifferences() []string {
	metricsOf, mixed := map[Method][]string{}, false
	for m, metric := range b.grid.Metrics {
		used := map[Method]bool{}
		b.eachDifference(m, func(d *Difference) { used[d.Method] = true })
		delete(used, "")
		if len(used) > 1 {
			mixed = true
			b.eachDifference(m, func(d *Difference) {
				if d.Method != "" {
					d.Notes = b.addNote(d.Notes, methodText[d.Method])
				}
			})
			continue
		}
		for method := range used {
			metricsOf[method] = append(metricsOf[method], metric.Name)
		}
	}
	var out []string
	for _, method := range allMethods {
		if names := metricsOf[method]; len(metricsOf) == 1 && !mixed && len(names) > 0 {
			out = append(out, "Differences: "+methodText[method]+".")
		} else if len(names) > 0 {
			out = append(out, "Differences in "+strings.Join(names, ", ")+": "+methodText[method]+".")
		}
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

func (b *builder) aboutCorrection() string {
	fixed := 0
	for _, d := range b.grid.tests {
		if d.Fixed && !math.IsNaN(d.P) {
			fixed++
		}
	}
	for m := range b.grid.Metrics {
		b.eachDifference(m, func(d *Difference) {
			if d.Fixed && !math.IsNaN(d.P) {
				d.Notes = b.addNote(d.Notes, "fixed beforehand, so p is not corrected")
			}
		})
	}
	text := ""
	switch {
	case b.grid.Family == 1:
		text = "p of the one test is as computed; it is exploratory."
	case b.grid.Family > 1:
		text = fmt.Sprintf("p is corrected by Holm's method over the table's %d exploratory tests.", b.grid.Family)
	}
	if fixed > 0 {
		text = strings.TrimSpace(text + fmt.Sprintf(" %s fixed beforehand and not corrected.", plural(fixed, "test was", "tests were")))
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (b *builder) aboutFewSeeds() string {
	least, most := b.grid.seedRange()
	if least == 0 || least >= minSeeds {
		return ""
	}
	where := ""
	if least != most {
		where = " in some cells"
	}
	return fmt.Sprintf("Warning: only %s%s; below %d neither ± nor p over seeds says much.", plural(least, "seed", "seeds"), where, minSeeds)
}

// aboutInputs says what is known of the data, each once.
func (b *builder) aboutInputs() string {
	slices.Sort(b.inputs)
	return strings.Join(slices.Compact(b.inputs), " ")
}

// aboutEngines warns when engines differ between cells.
func (b *builder) aboutEngines() string {
	all := map[string]bool{}
	b.grid.eachCell(func(_ int, _ *Line, c *Cell) {
		for _, e := range c.Engines {
			all[e] = true
		}
	})
	if len(all) < 2 {
		return ""
	}
	return "Warning: the table mixes engines: " + strings.Join(sortedKeys(all), ", ") + "."
}

// aboutScale warns of a percent metric with values over one.
func (b *builder) aboutScale() string {
	over := map[string]bool{}
	b.grid.eachCell(func(m int, _ *Line, c *Cell) {
		if metric := b.grid.Metrics[m]; metric.Percent && math.Abs(c.Mean) > 1+1e-9 {
			over[metric.Name] = true
		}
	})
	if len(over) == 0 {
		return ""
	}
	return "Warning: over 100 %, so not a fraction as percentages must be: " + strings.Join(sortedKeys(over), ", ") + "."
}

func (b *builder) aboutHoles() string {
	counts := map[Status]int{}
	b.grid.eachCell(func(_ int, _ *Line, c *Cell) { counts[c.Status]++ })
	var parts []string
	for _, s := range []Status{Failed, Pending, Partial} {
		if counts[s] > 0 {
			parts = append(parts, plural(counts[s], "cell ", "cells ")+string(s))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Warning: the sweep is not complete: " + strings.Join(parts, ", ") + "."
}
