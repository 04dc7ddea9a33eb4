package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Row is one number that one stage of one trial gave. Rows with the same
// Params may share the map; nothing here writes to it.
type Row struct {
	Trial  string         // id of the trial
	Label  string         // of a case; empty on trials of the grid
	Set    string         // name of an evaluation, or a stage: "task", "pairs", "tune"
	Metric string         // "acc@1", "unique"
	Class  string         // set on a number for one class only
	Params map[string]any // resolved params that the trial reads, by path; one that it does not read is absent
	Seed   *int           // nil: the trial has no seed
	Value  float64        // fractions where tables show percent; NaN: the stage could not say
	N      int            // what the value is over: images, pairs
	Engine string         // that ran the stage
	Key    string         // of the stage
}

// Seed returns a pointer to s, for Row.Seed.
func Seed(s int) *int { return &s }

// rowJSON is Row as a line of JSON; a value that is not finite is null.
type rowJSON struct {
	Trial  string         `json:"trial"`
	Label  string         `json:"label,omitempty"`
	Set    string         `json:"set"`
	Metric string         `json:"metric"`
	Class  string         `json:"class,omitempty"`
	Params map[string]any `json:"params,omitempty"`
	Seed   *int           `json:"seed,omitempty"`
	Value  *float64       `json:"value"`
	N      int            `json:"n"`
	Engine string         `json:"engine,omitempty"`
	Key    string         `json:"key,omitempty"`
}

// MarshalJSON writes the row with sorted params; NaN and infinities become
// null.
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(rowJSON{r.Trial, r.Label, r.Set, r.Metric, r.Class, r.Params, r.Seed, finite(r.Value), r.N, r.Engine, r.Key})
}

// UnmarshalJSON reads a row. Whole numbers in params keep their digits; a null
// value is NaN; an absent one is an error.
func (r *Row) UnmarshalJSON(b []byte) error {
	in := rowJSON{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&in); err != nil {
		return err
	}
	*r = Row{in.Trial, in.Label, in.Set, in.Metric, in.Class, in.Params, in.Seed, math.NaN(), in.N, in.Engine, in.Key}
	if in.Value != nil {
		r.Value = *in.Value
		return nil
	}
	if !bytes.Contains(b, []byte(`"value"`)) {
		return fmt.Errorf("value is missing")
	}
	return nil
}

// check says what is wrong with the row itself.
func (r *Row) check() error {
	switch {
	case r.Trial == "":
		return fmt.Errorf("trial is empty")
	case r.Set == "":
		return fmt.Errorf("set is empty (trial %s)", r.Trial)
	case r.Metric == "":
		return fmt.Errorf("metric is empty (trial %s)", r.Trial)
	}
	return nil
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finite is v for JSON: nil where JSON has no number for it.
func finite(v float64) *float64 {
	if !isFinite(v) {
		return nil
	}
	return &v
}
