package grid

import (
	"math"
	"strings"

	"react/data/words"
	"react/results/stat"
)

// significance is the level below which a p is called small.
const significance = 0.05

// correct adjusts p values and intervals: the tests that the spec fixed are one
// family, all others another.
func (b *builder) correct() {
	var fixed, open []*Difference
	for _, d := range b.grid.tests {
		switch {
		case math.IsNaN(d.P):
		case d.Fixed:
			fixed = append(fixed, d)
		default:
			open = append(open, d)
		}
	}
	b.grid.FixedTests, b.grid.Family = len(fixed), len(open)
	for _, family := range [][]*Difference{fixed, open} {
		p := make([]float64, len(family))
		for i, d := range family {
			p[i] = d.P
		}
		adjusted, levels := stat.Holm(p, significance)
		for i, d := range family {
			d.Adjusted, d.Level = adjusted[i], levels[i]
			if d.Flips != nil {
				d.AdjustedLow, d.AdjustedHigh = d.Flips.flips.Interval(d.Level)
			}
		}
	}
}

// aboutCorrection says what families tests are corrected in. Families of one
// test need none.
func (b *builder) aboutCorrection() []string {
	g := b.grid
	if g.Family+g.FixedTests == 0 {
		return nil
	}
	for m := range g.Metrics {
		b.eachDifference(m, func(d *Difference) {
			if d.Fixed && !math.IsNaN(d.P) && g.Family > 0 {
				d.Notes = b.addNote(d.Notes, fixedNote(g.FixedTests))
			}
		})
	}
	switch {
	case g.Family+g.FixedTests == 1:
		return []string{"Not corrected: the table has a single test."}
	case max(g.Family, g.FixedTests) == 1:
		return []string{"Not corrected: the table has a single exploratory test and a single comparison fixed beforehand."}
	}
	var families []string
	if g.Family > 0 {
		families = append(families, "the table's "+words.Plural(g.Family, "exploratory test"))
	}
	if g.FixedTests > 0 {
		families = append(families, "the "+words.Plural(g.FixedTests, "comparison")+" fixed beforehand")
	}
	return []string{"Corrected: Holm's method over " + strings.Join(families, ", and apart from them over ") +
		". A corrected interval is at the level at which the method decides its test, 0.05 divided by the number of tests not yet rejected, " +
		"so it leaves out 0 exactly where the corrected p is below 0.05."}
}
