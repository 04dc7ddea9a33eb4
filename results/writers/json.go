package writers

import (
	"encoding/json"
	"io"
	"slices"

	"react/results"
	"react/results/grid"
	"react/results/reference"
)

// writeStats writes every number that the writers of tables show, and those behind
// them: single values by seed, test statistics, intervals, methods, notes.
func writeStats(w io.Writer, grids []*grid.Grid) error {
	all := struct {
		Tables []statsJSON `json:"tables"`
	}{[]statsJSON{}}
	for _, g := range grids {
		all.Tables = append(all.Tables, statsOf(g))
	}
	return writeIndented(w, all)
}

func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// statsJSON is the form of a table in stats.json.
type statsJSON struct {
	Table      grid.Table    `json:"table"`
	Experiment string        `json:"experiment,omitempty"`
	Command    string        `json:"command,omitempty"`
	Keys       string        `json:"keys,omitempty"`
	Trials     []string      `json:"trials"`
	Baseline   string        `json:"baseline,omitempty"`
	Columns    []string      `json:"columns"`
	Methods    []grid.Method `json:"methods"`
	// exploratory tests that Holm's correction was taken over
	HolmTests  int          `json:"holmTests"`
	FixedTests int          `json:"fixedTests"` // fixed tests, corrected among themselves
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
	Status     grid.Status `json:"status"`
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
	Row       string        `json:"row"`
	Against   string        `json:"against"`
	Metric    string        `json:"metric"`
	Columns   []string      `json:"columns"`
	Shown     string        `json:"shown"`
	ShownHolm string        `json:"shownHolm,omitempty"` // corrected
	Value     *float64      `json:"value"`
	Std       *float64      `json:"std"`
	Seeds     int           `json:"seeds"`
	Low       *float64      `json:"low"` // null with a p: without an end
	High      *float64      `json:"high"`
	Method    grid.Method   `json:"method,omitempty"`
	NoTest    string        `json:"noTest,omitempty"` // why there is none
	P         *float64      `json:"p"`
	Level     *float64      `json:"levelHolm"` // of the corrected interval: 1 less its confidence
	LowHolm   *float64      `json:"lowHolm"`
	HighHolm  *float64      `json:"highHolm"`
	Adjusted  *float64      `json:"pHolm"`
	Fixed     bool          `json:"fixed,omitempty"`
	Flips     *flipsJSON    `json:"flips,omitempty"`
	McNemar   []mcNemarJSON `json:"mcNemar,omitempty"`
	Notes     []int         `json:"notes,omitempty"`
}

type flipsJSON struct {
	Clusters int          `json:"clusters"`
	Cases    int          `json:"cases"` // test images, or captions
	Draws    int          `json:"draws"`
	Seed     int          `json:"seed"`
	Sources  []sourceJSON `json:"seeds,omitempty"` // what seeds vary
}

type sourceJSON struct {
	Variance float64 `json:"variance"` // of the mean over seeds
	Within   float64 `json:"within"`   // what of it the clusters' own noise explains
	DF       int     `json:"df"`
}

type mcNemarJSON struct {
	Trial     string  `json:"trial"`
	Against   string  `json:"against"`
	OnlyLine  int     `json:"onlyRow"`
	OnlyOther int     `json:"onlyAgainst"`
	P         float64 `json:"p"`
}

func statsOf(g *grid.Grid) statsJSON {
	s := statsJSON{g.Table, g.Experiment, g.Command, g.Keys, g.Trials, g.Baseline, g.ColumnNames(), g.Methods(), g.Family, g.FixedTests, []cellJSON{}, nil, nil, g.Over, g.Remarks, g.Notes}
	if s.Methods == nil {
		s.Methods = []grid.Method{}
	}
	_, most := g.SeedRange()
	for i := range g.Lines {
		l := &g.Lines[i]
		for m, cells := range l.Cells {
			for c, cell := range cells {
				if slices.Index(cells, cell) == c {
					s.Cells = append(s.Cells, cellStats(g, l, m, c, most))
				}
			}
		}
	}
	for _, f := range g.Fixed {
		m := g.Metrics[slices.Index(g.Table.Metrics, f.Comparison.Metric)]
		s.Fixed = append(s.Fixed, testStats(f.Difference, m, f.Column))
	}
	for _, b := range g.Beside {
		s.Published = append(s.Published, besideJSON{b.Line, b.Metric, b.Column, b.Ours, results.Finite(b.Std), b.Reference, b.Difference, b.Differs})
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

func cellStats(g *grid.Grid, l *grid.Line, m, c, mostSeeds int) cellJSON {
	cell := l.Cells[m][c]
	out := cellJSON{Row: l.Name, Label: l.Label, Metric: g.Metrics[m].Name, Shown: cellPiece(cell, g.Metrics[m], g.Table.Spread, mostSeeds).text(),
		Status: cell.Status, Mean: results.Finite(cell.Mean), Std: results.Finite(cell.Std), Low: results.Finite(cell.Low), High: results.Finite(cell.High), Seeds: cell.Seeds, Best: cell.Best,
		Residue: cell.Residue, Engines: cell.Engines, Notes: cell.Notes, Points: []pointJSON{}}
	if cell.N >= 0 {
		out.N = &cell.N
	}
	for _, p := range cell.Points {
		out.Points = append(out.Points, pointJSON{p.Trial, p.Seed, results.Finite(p.Value), p.N, p.Key})
	}
	differences := map[*grid.Difference]int{}
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
		out.Difference = append(out.Difference, testStats(d, g.Metrics[m], g.Columns[at].Name))
	}
	return out
}

func testStats(d *grid.Difference, m grid.Metric, column string) testJSON {
	out := testJSON{Row: d.Line, Against: d.Against, Metric: d.Metric, Columns: []string{column}, Shown: differencePiece(d, m).text(),
		Value: results.Finite(d.Value), Std: results.Finite(d.Std), Seeds: d.N, Low: results.Finite(d.Low), High: results.Finite(d.High), Method: d.Method, NoTest: d.NoTest,
		P: results.Finite(d.P), LowHolm: results.Finite(d.AdjustedLow), HighHolm: results.Finite(d.AdjustedHigh), Adjusted: results.Finite(d.Adjusted), Fixed: d.Fixed, Notes: d.Notes}
	if d.Level > 0 {
		out.Level = &d.Level
	}
	if d.Differs() {
		out.ShownHolm = correctedPiece(d, m).text()
	}
	for _, p := range d.Pairs {
		out.McNemar = append(out.McNemar, mcNemarJSON(p))
	}
	if f := d.Flips; f != nil {
		out.Flips = &flipsJSON{Clusters: f.Clusters, Cases: f.Cases, Draws: f.Draws, Seed: f.Seed}
		for _, s := range f.Seeds {
			out.Flips.Sources = append(out.Flips.Sources, sourceJSON{s.Mean, s.Within, s.DF})
		}
	}
	return out
}
