package grid

import (
	"fmt"
	"math"
	"slices"
)

// compare fills the differences to the baseline and the fixed comparisons, and
// corrects each family of tests by Holm's method: the fixed ones, and all others.
func (b *builder) compare() error {
	if err := b.compareToBaseline(); err != nil {
		return b.spec.errorf("%w", err)
	}
	if err := b.compareFixed(); err != nil {
		return err
	}
	b.correct()
	return nil
}

func (b *builder) compareToBaseline() error {
	var base []int
	for i := range b.grid.Lines {
		if b.grid.Lines[i].Baseline {
			base = append(base, i)
		}
	}
	for i := range b.grid.Lines {
		line := &b.grid.Lines[i]
		line.Differences = make([][]*Difference, len(b.grid.Metrics))
		against := b.partner(i, base)
		for m := range b.grid.Metrics {
			line.Differences[m] = make([]*Difference, len(b.grid.Columns))
			if against < 0 || line.Baseline {
				continue
			}
			if err := b.compareLines(i, against, m, line.Differences[m]); err != nil {
				return err
			}
		}
	}
	return nil
}

// partner is the line, of those given, that line i is compared with: the only
// one, or the one with the same row values but for the label. -1: none, or no
// single one.
func (b *builder) partner(i int, among []int) int {
	if at := slices.Index(b.spec.Rows, b.spec.Paired); at >= 0 {
		return b.pairedLine(i, at, among)
	}
	if len(among) == 1 {
		return among[0]
	}
	own := slices.Index(b.spec.Rows, "label")
	for _, j := range among {
		if b.sameBut(i, j, own) {
			return j
		}
	}
	return -1
}

// sameBut says whether two lines have the same row values, one path left aside.
func (b *builder) sameBut(i, j, path int) bool {
	for k, v := range b.grid.Lines[i].Values {
		if k != path && v != b.grid.Lines[j].Values[k] {
			return false
		}
	}
	return true
}

// pairedLine is the line that differs from line i in one row path alone.
func (b *builder) pairedLine(i, path int, among []int) int {
	for _, j := range among {
		if b.grid.Lines[j].Label == b.grid.Lines[i].Label && b.sameBut(i, j, path) {
			return j
		}
	}
	return -1
}

// compareLines fills out, one for each column; columns that share both cells
// share the difference.
func (b *builder) compareLines(i, against, metric int, out []*Difference) error {
	line, other := &b.grid.Lines[i], &b.grid.Lines[against]
	known := map[[2]*Cell]*Difference{}
	for c := range b.grid.Columns {
		cells := [2]*Cell{line.Cells[metric][c], other.Cells[metric][c]}
		if out[c] = known[cells]; out[c] != nil {
			continue
		}
		d, err := b.difference(cells[0], cells[1], b.grid.Metrics[metric].Name)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		d.Line, d.Against, d.Metric, d.Column = line.Name, other.Name, b.grid.Metrics[metric].Name, b.grid.Columns[c].Name
		out[c], known[cells] = d, d
		b.grid.tests = append(b.grid.tests, d)
	}
	return nil
}

// compareFixed computes the comparisons that the spec fixed. One that is a
// difference to the baseline already is that difference, marked as fixed.
func (b *builder) compareFixed() error {
	for at, c := range b.spec.Fixed {
		if c.Metric == "" {
			c.Metric = b.spec.Metrics[0]
		}
		metric := slices.Index(b.spec.Metrics, c.Metric)
		field := fmt.Sprintf("fixed[%d].", at)
		lines, err := b.fixedLines(field+"row", c.Row)
		if err != nil {
			return err
		}
		others, err := b.fixedLines(field+"against", c.Against)
		if err != nil {
			return err
		}
		for _, i := range lines {
			if j := b.partner(i, others); j >= 0 && j != i {
				if err := b.addFixed(c, i, j, metric); err != nil {
					return b.spec.errorf("%w", err)
				}
			}
		}
	}
	return nil
}

// fixedLines are the lines of a name that a field gives.
func (b *builder) fixedLines(field, name string) ([]int, error) {
	var out []int
	for _, l := range b.linesNamed(name) {
		out = append(out, slices.Index(b.lines, l))
	}
	if len(out) > 0 || len(b.lines) == 0 {
		return out, nil
	}
	return nil, b.spec.fault(field, "%q is no line of the table%s", name, hint(name, b.lineNames()))
}

func (b *builder) addFixed(c Comparison, i, j, metric int) error {
	line, other := &b.grid.Lines[i], &b.grid.Lines[j]
	out := line.Differences[metric]
	if known := firstOf(out); known == nil || known.Against != other.Name {
		out = make([]*Difference, len(b.grid.Columns))
		if err := b.compareLines(i, j, metric, out); err != nil {
			return err
		}
	}
	for at, d := range out {
		if d == nil || at > 0 && d == out[at-1] {
			continue
		}
		d.Fixed = true
		column := b.grid.Columns[at].Name
		if at+1 < len(out) && out[at+1] == d {
			column = ""
		}
		b.grid.Fixed = append(b.grid.Fixed, FixedTest{Comparison{line.Name, other.Name, c.Metric}, column, d})
	}
	return nil
}

func firstOf(list []*Difference) *Difference {
	for _, d := range list {
		if d != nil {
			return d
		}
	}
	return nil
}

// markBest marks the best cells of each metric. A column has a best only when
// two lines have a number in it.
func (b *builder) markBest() {
	for m, metric := range b.grid.Metrics {
		if metric.Best == 0 {
			continue
		}
		beaten := map[*Cell]bool{}
		for c := range b.grid.Columns {
			b.beat(m, c, float64(metric.Best), beaten)
		}
		for _, line := range b.grid.Lines {
			for _, cell := range line.Cells[m] {
				cell.Best = !math.IsNaN(cell.Mean) && !beaten[cell]
			}
		}
	}
}

// beat marks the cells of a column that are not its best, or all when there is
// no contest. Means that differ by rounding alone are equal.
func (b *builder) beat(metric, column int, sign float64, beaten map[*Cell]bool) {
	best, count := math.Inf(-1), 0
	for _, line := range b.grid.Lines {
		if mean := line.Cells[metric][column].Mean; !math.IsNaN(mean) {
			best, count = math.Max(best, sign*mean), count+1
		}
	}
	for _, line := range b.grid.Lines {
		cell := line.Cells[metric][column]
		if count < 2 || sign*cell.Mean < best-1e-12*math.Max(1, math.Abs(best)) {
			beaten[cell] = true
		}
	}
}
