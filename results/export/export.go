// Package export writes results for other programs: scalars as TensorBoard's event files, at once or
// while a run goes on; runs as the folder that MLflow keeps its own in, and as the offline runs of
// Weights & Biases.
//
// It knows runs, series and numbers, no trials and no store. All formats are written by hand, since
// their own libraries are Python; `make interop` reads those of TensorBoard and MLflow with them.
package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Run is what these programs call a run: a training, or a trial with its results.
type Run struct {
	ID      string // unique; names its folder
	Name    string
	Params  map[string]string
	Series  []Series // by name
	Started time.Time
	Ended   time.Time
	Failed  bool
}

// Series is a number over steps; a result is a series of one point.
type Series struct {
	Name   string // "tune/loss"
	Points []Point
}

// Point is the value at a step, and when it was measured.
type Point struct {
	Step  int64
	Value float64
	At    time.Time
}

// check finds what would overwrite another run or lead out of the folder.
func check(runs []Run) error {
	seen := map[string]bool{}
	for _, r := range runs {
		if r.ID == "" || r.ID != filepath.Base(r.ID) || !filepath.IsLocal(r.ID) {
			return fmt.Errorf("run %q: its id is no name of a folder", r.ID)
		}
		if seen[r.ID] {
			return fmt.Errorf("run %s is there twice", r.ID)
		}
		seen[r.ID] = true
		for i, s := range r.Series {
			if s.Name == "" || !filepath.IsLocal(filepath.FromSlash(s.Name)) {
				return fmt.Errorf("run %s: series %q has no name that a file can have", r.ID, s.Name)
			}
			if slices.ContainsFunc(r.Series[:i], func(o Series) bool { return o.Name == s.Name }) {
				return fmt.Errorf("run %s: series %s is there twice", r.ID, s.Name)
			}
		}
	}
	return nil
}

// plainName keeps what MLflow and W&B take in the name of a series; "@" becomes
// "_at_", so that acc@1 is acc_at_1.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_-./: ", r):
			return r
		}
		return '_'
	}, strings.ReplaceAll(name, "@", "_at_"))
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
