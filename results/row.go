package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Row is one number that one stage of one trial gave. Rows with the same
// Params may share the map; nothing here writes to it.
type Row struct {
	Trial  string // id of the trial
	Label  string // of a case; empty on trials of the grid
	Set    string // name of an evaluation, or a stage: "task", "pairs", "tune"
	Metric string // "acc@1", "unique"
	Class  string // set on a number for one class only
	// resolved params that the trial reads, by path; one that it does not read is absent
	Params map[string]any
	Seed   *int    // nil: the trial has no seed
	Value  float64 // fractions where tables show percent; NaN: the stage could not say
	N      int     // what the value is over: images, pairs
	Engine string  // that ran the stage
	Key    string  // of the stage
}

// OtherClass is the path among Params of the second class of a number about two
// classes, such as the pairs that both have.
const OtherClass = "class.other"

// Seed returns a pointer to s, for Row.Seed.
func Seed(s int) *int { return &s }

// rowJSON is Row as a line of JSON; a value that is not finite is null. Params
// and value are kept raw: most rows share their params, and a value that is
// absent is not one that is null.
type rowJSON struct {
	Trial  string          `json:"trial"`
	Label  string          `json:"label,omitempty"`
	Set    string          `json:"set"`
	Metric string          `json:"metric"`
	Class  string          `json:"class,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Seed   *int            `json:"seed,omitempty"`
	Value  json.RawMessage `json:"value"`
	N      int             `json:"n"`
	Engine string          `json:"engine,omitempty"`
	Key    string          `json:"key,omitempty"`
}

// MarshalJSON writes the row with sorted params; NaN and infinities become
// null.
func (r Row) MarshalJSON() ([]byte, error) {
	form, err := r.json(paramsTexts{})
	if err != nil {
		return nil, err
	}
	return json.Marshal(form)
}

func (r *Row) json(shared paramsTexts) (*rowJSON, error) {
	value, err := json.Marshal(Finite(r.Value))
	if err != nil {
		return nil, err
	}
	params, err := shared.text(r.Params)
	if err != nil {
		return nil, err
	}
	return &rowJSON{r.Trial, r.Label, r.Set, r.Metric, r.Class, params, r.Seed, value, r.N, r.Engine, r.Key}, nil
}

// paramsTexts holds the JSON of params by the address of their map, which rows
// of a trial share. It must not outlive the call that made it.
type paramsTexts map[uintptr]json.RawMessage

// text is nil for no params.
func (t paramsTexts) text(params map[string]any) (json.RawMessage, error) {
	at := ParamsID(params)
	if text, ok := t[at]; ok || len(params) == 0 {
		return text, nil
	}
	text, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	t[at] = text
	return text, nil
}

// ParamsID tells maps apart, not their contents.
func ParamsID(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }

// UnmarshalJSON reads a row. Whole numbers in params keep their digits; a null
// value is NaN; an absent one is an error.
func (r *Row) UnmarshalJSON(b []byte) error {
	row, err := parseRow(b, paramsCache{})
	*r = row
	return err
}

// parseRow reads one row; rows with the same text of params share the map.
func parseRow(b []byte, shared paramsCache) (Row, error) {
	in := rowJSON{}
	if err := json.Unmarshal(b, &in); err != nil {
		return Row{}, err
	}
	params, err := shared.parse(in.Params)
	if err != nil {
		return Row{}, fmt.Errorf("params: %w", err)
	}
	row := Row{in.Trial, in.Label, in.Set, in.Metric, in.Class, params, in.Seed, math.NaN(), in.N, in.Engine, in.Key}
	switch string(in.Value) {
	case "":
		return row, fmt.Errorf("value is missing")
	case "null":
		return row, nil
	}
	if err := json.Unmarshal(in.Value, &row.Value); err != nil {
		return row, fmt.Errorf("value: %w", err)
	}
	return row, nil
}

// paramsCache holds params by their JSON text.
type paramsCache map[string]map[string]any

func (c paramsCache) parse(text []byte) (map[string]any, error) {
	if params, ok := c[string(text)]; ok || len(text) == 0 {
		return params, nil
	}
	var params map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&params); err != nil {
		return nil, err
	}
	c[string(text)] = params
	return params, nil
}

// Check says what is wrong with the row itself.
func (r *Row) Check() error {
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

// IsFinite reports whether v is a number, and no infinity.
func IsFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Finite is v for JSON: nil where JSON has no number for it.
func Finite(v float64) *float64 {
	if !IsFinite(v) {
		return nil
	}
	return &v
}
