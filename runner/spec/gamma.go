package spec

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Gamma is the similarity from which another caption of the batch counts as a positive; Off is
// plain InfoNCE.
type Gamma struct {
	Off   bool
	Value float64
}

// MarshalJSON writes "off" or the number.
func (g Gamma) MarshalJSON() ([]byte, error) {
	if g.Off {
		return []byte(`"off"`), nil
	}
	return json.Marshal(g.Value)
}

// UnmarshalJSON reads "off" or a number.
func (g *Gamma) UnmarshalJSON(b []byte) error {
	if string(b) == `"off"` {
		*g = Gamma{Off: true}
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("gamma %s is neither \"off\" nor a number", b)
	}
	*g = Gamma{Value: v}
	return nil
}

// String is the form that tables show.
func (g Gamma) String() string {
	if g.Off {
		return "off"
	}
	return strconv.FormatFloat(g.Value, 'g', -1, 64)
}
