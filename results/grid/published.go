package grid

import (
	"fmt"
	"math"
	"slices"

	"react/results/reference"
)

// Beside is a published figure beside one of ours.
type Beside struct {
	Line, Metric, Column string // of ours, by name
	Ours                 float64
	Std                  float64 // of ours over seeds; NaN: none
	Reference            reference.Value
	Difference           float64 // ours less the published one
	// in what the two are not the same: "pool: world here, LAION-400M there"
	Differs []string
}

// setBeside fills Grid.Beside from Table.Published.
func (b *builder) setBeside() error {
	for at, p := range b.spec.Published {
		ref, ok := reference.Find(p.Ref)
		if !ok {
			return b.spec.fault(fmt.Sprintf("published[%d].ref", at), "no reference value has the id %q%s", p.Ref, hint(p.Ref, reference.IDs()))
		}
		lines, err := b.fixedLines(fmt.Sprintf("published[%d].row", at), p.Row)
		if err != nil {
			return err
		}
		metric := 0
		if p.Metric != "" {
			metric = slices.Index(b.spec.Metrics, p.Metric)
		}
		for _, i := range lines {
			if !b.addBeside(&b.grid.Lines[i], metric, p.Column, ref) {
				return b.noColumn(at, p.Column)
			}
		}
	}
	return nil
}

// noColumn says that a published figure names a column that is not there.
func (b *builder) noColumn(at int, column string) error {
	return b.spec.fault(fmt.Sprintf("published[%d].column", at), "no column %q%s", column, hint(column, b.grid.ColumnNames()))
}

// addBeside takes the cell of the column, or the first that has a number; false where no column has
// the name.
func (b *builder) addBeside(l *Line, metric int, column string, ref reference.Value) bool {
	found := column == ""
	for c, cell := range l.Cells[metric] {
		if column != "" && b.grid.Columns[c].Name != column {
			continue
		}
		found = true
		if math.IsNaN(cell.Mean) {
			continue
		}
		b.grid.Beside = append(b.grid.Beside, Beside{Line: l.Name, Metric: b.grid.Metrics[metric].Name, Column: b.grid.Columns[c].Name, Ours: cell.Mean, Std: cell.Std,
			Reference: ref, Difference: cell.Mean - ref.Value, Differs: differs(b.grid.Metrics[metric], cell, ref)})
		break
	}
	return found
}

// differs compares what our trial read with what the published figure was
// measured with. What a source does not say is told as not known.
func differs(m Metric, c *Cell, ref reference.Value) []string {
	params := map[string]any{}
	if len(c.Points) > 0 {
		params = c.Points[0].params
	}
	_, name := splitMetric(m.Name)
	var out []string
	for _, f := range []struct{ what, ours, theirs string }{
		{"metric", name, ref.Metric},
		{"data", canon(params["evaluate."+m.Set+".dataset"]).text, ref.Dataset},
		{"backbone", canon(params["backbone.arch"]).text + canon(params["backbone.weights"]).text, ref.Backbone},
		{"pool", canon(params["retrieve.pool"]).text, ref.Pool},
		{"mode", canon(params["tune.mode"]).text, ref.Mode},
		{"protocol", canon(params["evaluate."+m.Set+".kind"]).text, ref.Protocol},
	} {
		if said, ours := f.theirs, f.ours; said != ours && (said != "" || ours != "") {
			out = append(out, fmt.Sprintf("%s: %s here, %s there", f.what, orNone(ours), orNone(said)))
		}
	}
	if ref.Pairs > 0 {
		out = append(out, fmt.Sprintf("pairs: %d there", ref.Pairs))
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none or not said"
	}
	return s
}
