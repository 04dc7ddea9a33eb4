package dense

import (
	"slices"
	"strconv"
	"strings"

	"react/results"
)

// Figure says which precision or recall is meant.
type Figure struct {
	Recall bool // the recall that is reached; else average precision
	// at one threshold of overlap, counted from 1; 0 is the mean of all
	At    int
	Area  int    // range of areas: all, small, medium, large
	Most  int    // findings of a category in a picture that count; 0 is all that are kept
	Group string // of categories; empty is all
}

func (f Figure) thresholds() (from, to int) {
	if f.At > 0 {
		return f.At - 1, f.At
	}
	return 0, results.Thresholds
}

// figures are those of COCO and LVIS, but for recalls of a number of findings.
var figures = map[string]Figure{
	"AP": {}, "AP50": {At: 1}, "AP75": {At: 6},
	"APs": {Area: 1}, "APm": {Area: 2}, "APl": {Area: 3},
	"ARs": {Recall: true, Area: 1}, "ARm": {Recall: true, Area: 2}, "ARl": {Recall: true, Area: 3},
	"APr": {Group: "r"}, "APc": {Group: "c"}, "APf": {Group: "f"},
}

// FigureOf is the figure of a name: one of COCO's and LVIS's, or one of them of a group of
// categories, "AP50-novel".
func FigureOf(name string) (f Figure, ok bool) {
	base, group, of := strings.Cut(name, "-")
	f, ok = figures[base]
	if digits, recall := strings.CutPrefix(base, "AR@"); recall {
		most, err := strconv.Atoi(digits)
		f, ok = Figure{Recall: true, Most: most}, err == nil && most > 0
	}
	if !ok || of && (group == "" || f.Group != "") {
		return Figure{}, false
	}
	if of {
		f.Group = group
	}
	return f, true
}

// The figures of each benchmark, in its order.
var (
	OfCOCO = []string{"AP", "AP50", "AP75", "APs", "APm", "APl",
		"AR@1", "AR@10", "AR@100", "ARs", "ARm", "ARl"}
	OfLVIS = []string{"AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf",
		"AR@300", "ARs", "ARm", "ARl"}
)

// Groups are the groups of categories, in order.
func (d *Detection) Groups() []string {
	var out []string
	for _, c := range d.categories {
		if c.group != "" && !slices.Contains(out, c.group) {
			out = append(out, c.group)
		}
	}
	slices.Sort(out)
	return out
}
