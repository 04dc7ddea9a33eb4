// Package grid is a table with its numbers: Build lays rows out in lines and columns as a Table
// says (build.go, arrange.go), averages what falls into a cell (cell.go), compares lines with the
// baseline by a test over single cases (compare.go, difference.go, measure.go), and writes down
// every reason to doubt (remarks.go).
//
// It knows how a number, a line and a column are called and how many decimals they have
// (number.go, shown.go), but no format: package writers prints it and package figures draws it.
// The words that it uses are in package results.
package grid

import "react/results/stat"

// Grid is a table with its numbers: what the writers print. Everything in it
// is in the order in which it is shown, and in the unit of the rows (fractions
// where tables show percent).
type Grid struct {
	Table      Table
	Experiment string
	Command    string
	Stub       []string // headers of the line names: the row paths
	Columns    []Column // at least one
	Metrics    []Metric
	Lines      []Line
	// name of the baseline's line, or its label when it has several; empty: none
	Baseline string
	Fixed    []FixedTest // the comparisons of Table.Fixed
	Notes    []string    // footnotes; cells refer to them by index
	Over     []string    // what means and ± are over, in sentences for the caption
	// what else holds for the whole table: methods and warnings, in sentences
	Remarks    []string
	OfTests    int           // of Remarks: the first so many say how differences are tested
	Trials     []string      // ids of the trials shown, sorted
	Keys       string        // "sha256:..." over the sorted keys of the stages shown
	Family     int           // exploratory tests that Holm's correction was taken over
	FixedTests int           // fixed tests, corrected among themselves
	Beside     []Beside      // published figures beside ours
	tests      []*Difference // each once, in the order of lines, metrics, columns
}

// Column is one column of each metric.
type Column struct {
	Name   string   // "k=4", "t2t k=4"; empty in a table without column paths
	Shown  string   // as printed
	Values []string // one for each column path
	Key    []Value
}

// Metric is one metric of the table.
type Metric struct {
	Name     string // "task/acc@1"
	Shown    string // as printed: Table.Labels of Name, or its short label
	Set      string // "task"
	Unit     string // of a metric that is no percentage, or empty
	Percent  bool   // printed times 100
	Decimals int    // printed
	Best     int    // 1: more is better, -1: less is, 0: no best
	general  bool   // plain numbers printed with 4 significant digits
	chosen   bool   // Decimals are the spec's for this metric
	long     string // Shown in full
}

// Line is one printed line.
type Line struct {
	Names []string // one for each stub column
	Name  string   // the names that tell it apart, joined
	Shown []string // Names as printed
	Label string   // of the case, or empty
	// Cells and Differences are [metric][column]. Neighbours that a line spans
	// share one pointer. A Difference is nil on the baseline's own line and
	// where either side is missing.
	Cells       [][]*Cell
	Differences [][]*Difference
	Values      []Value // of the row paths
	Baseline    bool
	group       string // value of Table.Group as printed; empty: none
	title       string // Name as printed
}

// Cell is what a line has under one metric and column.
type Cell struct {
	Status  Status
	Points  []Point // by seed, then trial
	Mean    float64 // NaN when there is nothing to average
	Std     float64 // sample standard deviation over seeds; NaN below two
	Low     float64 // 95 % interval of the mean over seeds (Student's t); NaN below two
	High    float64
	Seeds   int // distinct seeds; 0: not seeded
	N       int // images (or what else values are over) of each point; -1: differs
	Residue []string
	Engines []string // sorted
	Spans   bool     // holds for several columns, since its trials do not read a column's param
	Best    bool     // in every column it covers
	Notes   []int    // indices into Grid.Notes, ascending
	Key     []Value  // of the columns it holds for
}

// Point is one row in a cell.
type Point struct {
	Trial  string
	Seed   *int
	Value  float64
	N      int
	Engine string
	Key    string
	label  string
	params map[string]any
	set    string
	of     []string // trials that it is the mean of, where it is one of several
}

// Method names how a difference was tested.
type Method string

// The methods. An empty method is a difference without a test.
const (
	flipClasses Method = "sign flips of classes"
	flipImages  Method = "sign flips of images with their captions"
	flipSets    Method = "sign flips of classes within sets"
	redrawn     Method = "draws of pictures"
	mcNemarTest Method = "exact McNemar over images"
)

// Difference compares a cell with the baseline's cell.
type Difference struct {
	Line, Metric, Column, Against string // names
	Value                         float64
	Std                           float64 // of the seed-wise differences; NaN where there are none
	N                             int     // seeds (pairs of seeds) behind it
	// 95 % interval, from the draws that P is from; NaN: no interval
	Low, High                 float64
	Method                    Method
	NoTest                    string  // why there is none
	P                         float64 // NaN: no test
	Adjusted                  float64 // P after Holm's correction over its family
	AdjustedLow, AdjustedHigh float64 // interval of level 1 - Level
	Level                     float64 // that of the test's step in Holm's method; 0: no test
	Fixed                     bool    // of the family that the spec fixed
	Flips                     *FlipTest
	Pairs                     []McNemarPair // of mcNemarTest: one for each pair of seeds
	Notes                     []int
}

// FlipTest is what a cluster sign-flip test, or one over draws of pictures, was made over.
type FlipTest struct {
	Clusters, Cases int
	Draws, Seed     int           // of flips or pictures: how many, from which seed
	Seeds           []stat.Source // what seeds vary
	OneSeed         bool          // a side has one seed, of whose choice the test knows nothing
	flips           stat.Flips
}

// FixedTest is a comparison of Table.Fixed with its outcome in one column.
type FixedTest struct {
	Comparison Comparison // with the lines' own names and the metric filled in
	Column     string     // empty: all columns
	Difference *Difference
}

// McNemarPair is the exact McNemar test of one trial against the baseline's.
type McNemarPair struct {
	Trial, Against      string
	OnlyLine, OnlyOther int // images that only this one gets right
	P                   float64
}

// Shared reports whether columns a and b of the metric show one and the same
// cell.
func Shared[T any](cells []*T, a, b int) bool { return cells[a] != nil && cells[a] == cells[b] }
