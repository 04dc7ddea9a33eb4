package results

import (
	"encoding/json"
	"io"
	"math"
	"slices"

	"react/results/reference"
	"react/results/stat"
)

// JSON writes every number that the other writers show, and those behind them:
// single values by seed, test statistics, intervals, methods, notes.
func (g *Grid) JSON(w io.Writer) error { return writeIndented(w, g.stats()) }

func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// statsJSON is the form of a table in stats.json.
type statsJSON struct {
	Table      Table        `json:"table"`
	Experiment string       `json:"experiment,omitempty"`
	Command    string       `json:"command,omitempty"`
	Keys       string       `json:"keys,omitempty"`
	Trials     []string     `json:"trials"`
	Baseline   string       `json:"baseline,omitempty"`
	Columns    []string     `json:"columns"`
	Methods    []Method     `json:"methods"`
	HolmTests  int          `json:"holmTests"` // tests that Holm's correction was taken over
	Cells      []cellJSON   `json:"cells"`
	Fixed      []testJSON   `json:"fixed,omitempty"`
	Published  []besideJSON `json:"published,omitempty"`
	Over       []string     `json:"over,omitempty"`
	Remarks    []string     `json:"remarks,omitempty"`
	Notes      []string     `json:"notes,omitempty"`
}

type cellJSON struct {
	Row        string      `json:"row"`
	Label      string      `json:"label,omitempty"`
	Metric     string      `json:"metric"`
	Columns    []string    `json:"columns"` // names of the columns it holds for
	Shown      string      `json:"shown"`
	Status     Status      `json:"status"`
	Mean       *float64    `json:"mean"`
	Std        *float64    `json:"std"`
	Low        *float64    `json:"low"` // 95 % interval of the mean over seeds
	High       *float64    `json:"high"`
	Seeds      int         `json:"seeds"`
	N          *int        `json:"n"` // images; null when it differs
	Best       bool        `json:"best,omitempty"`
	Residue    []string    `json:"residue,omitempty"`
	Engines    []string    `json:"engines,omitempty"`
	Notes      []int       `json:"notes,omitempty"` // indices into notes
	Points     []pointJSON `json:"points"`
	Difference []testJSON  `json:"differences,omitempty"`
}

type pointJSON struct {
	Trial string   `json:"trial"`
	Seed  *int     `json:"seed"`
	Value *float64 `json:"value"`
	N     int      `json:"n"`
	Key   string   `json:"key,omitempty"`
}

type testJSON struct {
	Row      string     `json:"row"`
	Against  string     `json:"against"`
	Metric   string     `json:"metric"`
	Columns  []string   `json:"columns"`
	Shown    string     `json:"shown"`
	Value    *float64   `json:"value"`
	Std      *float64   `json:"std"`
	Seeds    int        `json:"seeds"`
	Low      *float64   `json:"low"`
	High     *float64   `json:"high"`
	Method   Method     `json:"method,omitempty"`
	P        *float64   `json:"p"`
	Adjusted *float64   `json:"pHolm"`
	Fixed    bool       `json:"fixed,omitempty"`
	T        *tJSON     `json:"overSeeds,omitempty"`
	Images   *imageJSON `json:"overImages,omitempty"`
	Notes    []int      `json:"notes,omitempty"`
}

type tJSON struct {
	T    *float64 `json:"t"`
	DF   *float64 `json:"df"`
	P    *float64 `json:"p"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

type imageJSON struct {
	Images    int           `json:"images"`
	Classes   int           `json:"classes"`
	Resamples int           `json:"resamples"`
	Low       *float64      `json:"low"`
	High      *float64      `json:"high"`
	McNemar   []mcNemarJSON `json:"mcNemar"`
}

type mcNemarJSON struct {
	Trial     string  `json:"trial"`
	Against   string  `json:"against"`
	OnlyLine  int     `json:"onlyRow"`
	OnlyOther int     `json:"onlyAgainst"`
	P         float64 `json:"p"`
}

func (g *Grid) stats() statsJSON {
	s := statsJSON{g.Table, g.Experiment, g.Command, g.Keys, g.Trials, g.Baseline, g.columnNames(), g.methods(), g.Family, []cellJSON{}, nil, nil, g.Over, g.Remarks, g.Notes}
	if s.Methods == nil {
		s.Methods = []Method{}
	}
	_, most := g.seedRange()
	for i := range g.Lines {
		l := &g.Lines[i]
		for m, cells := range l.Cells {
			for c, cell := range cells {
				if slices.Index(cells, cell) == c {
					s.Cells = append(s.Cells, g.cellJSON(l, m, c, most))
				}
			}
		}
	}
	for _, f := range g.Fixed {
		m := g.Metrics[slices.Index(g.Table.Metrics, f.Comparison.Metric)]
		s.Fixed = append(s.Fixed, f.Difference.json(m, f.Column))
	}
	for _, b := range g.Beside {
		s.Published = append(s.Published, besideJSON{b.Line, b.Metric, b.Column, b.Ours, finite(b.Std), b.Reference, b.Difference, b.Differs})
	}
	return s
}

// besideJSON is a published figure beside ours.
type besideJSON struct {
	Row        string          `json:"row"`
	Metric     string          `json:"metric"`
	Column     string          `json:"column,omitempty"`
	Ours       float64         `json:"ours"`
	Std        *float64        `json:"std"`
	Reference  reference.Value `json:"reference"`
	Difference float64         `json:"difference"`
	Differs    []string        `json:"differs,omitempty"`
}

func (g *Grid) cellJSON(l *Line, m, c, mostSeeds int) cellJSON {
	cell := l.Cells[m][c]
	out := cellJSON{Row: l.Name, Label: l.Label, Metric: g.Metrics[m].Name, Shown: cell.piece(g.Metrics[m], g.Table.Spread, mostSeeds).text(),
		Status: cell.Status, Mean: finite(cell.Mean), Std: finite(cell.Std), Low: finite(cell.Low), High: finite(cell.High), Seeds: cell.Seeds, Best: cell.Best,
		Residue: cell.Residue, Engines: cell.Engines, Notes: cell.Notes, Points: []pointJSON{}}
	if cell.N >= 0 {
		out.N = &cell.N
	}
	for _, p := range cell.Points {
		out.Points = append(out.Points, pointJSON{p.Trial, p.Seed, finite(p.Value), p.N, p.Key})
	}
	differences := map[*Difference]int{}
	for at, other := range l.Cells[m] {
		if other != cell {
			continue
		}
		out.Columns = append(out.Columns, g.Columns[at].Name)
		d := l.Differences[m][at]
		if d == nil {
			continue
		}
		if i, ok := differences[d]; ok {
			out.Difference[i].Columns = append(out.Difference[i].Columns, g.Columns[at].Name)
			continue
		}
		differences[d] = len(out.Difference)
		out.Difference = append(out.Difference, d.json(g.Metrics[m], g.Columns[at].Name))
	}
	return out
}

func (d *Difference) json(m Metric, column string) testJSON {
	out := testJSON{Row: d.Line, Against: d.Against, Metric: d.Metric, Columns: []string{column}, Shown: d.piece(m).text(),
		Value: finite(d.Value), Std: finite(d.Std), Seeds: d.N, Low: finite(d.Low), High: finite(d.High), Method: d.Method,
		P: finite(d.P), Adjusted: finite(d.Adjusted), Fixed: d.Fixed, T: testOverSeeds(d.Seeds), Notes: d.Notes}
	if d.Images == nil {
		return out
	}
	i := d.Images.Interval
	out.Images = &imageJSON{d.Images.Images, d.Images.Classes, i.Resamples, finite(i.Low), finite(i.High), nil}
	for _, p := range d.Images.Pairs {
		out.Images.McNemar = append(out.Images.McNemar, mcNemarJSON(p))
	}
	return out
}

func testOverSeeds(t *stat.Test) *tJSON {
	if t == nil || math.IsNaN(t.T) {
		return nil
	}
	return &tJSON{finite(t.T), finite(t.DF), finite(t.P), finite(t.Low), finite(t.High)}
}
