// Package reference holds figures that others have published, each with its
// source and with what it was measured on: data, protocol, backbone, and, for
// retrieval-augmented models, the pool and the number of pairs. A figure
// without those compares the wrong rows: REACT's ViT-L/14 is 78.1 % on ImageNet
// with 10M pairs of LAION-400M and 78.5 % with 6M of a private pool.
//
// The figures are the *.json files beside this one; nothing here was measured
// by runner. What a source does not say is empty.
package reference

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Value is one published figure.
type Value struct {
	ID       string  `json:"id"`       // "react/imagenet/clip-l14/gated-image/laion400m"
	Title    string  `json:"title"`    // as printed
	Value    float64 `json:"value"`    // a fraction, where the source has percent
	Metric   string  `json:"metric"`   // "acc@1"
	Dataset  string  `json:"dataset"`  // with its split
	Protocol string  `json:"protocol"` // how it was evaluated
	Backbone string  `json:"backbone,omitempty"`
	Mode     string  `json:"mode,omitempty"` // of tuning; "none": the model as released
	Pool     string  `json:"pool,omitempty"` // that pairs were retrieved from
	Pairs    int     `json:"pairs,omitempty"`
	Source   string  `json:"source"`
	URL      string  `json:"url"`
}

//go:embed *.json
var files embed.FS

// All returns the figures, sorted by id. The slice is shared: do not write to
// it. It panics where a file is not what it should be, which a test excludes.
var All = sync.OnceValue(func() []Value {
	values, err := read()
	if err != nil {
		panic(err)
	}
	return values
})

func read() ([]Value, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []Value
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		var some []Value
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&some); err != nil {
			return nil, fmt.Errorf("file results/reference/%s: %w", e.Name(), err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Value) int { return strings.Compare(a.ID, b.ID) })
	for i := 1; i < len(all); i++ {
		if all[i].ID == all[i-1].ID {
			return nil, fmt.Errorf("reference value %q is there twice", all[i].ID)
		}
	}
	return all, nil
}

// Find returns the figure with an id.
func Find(id string) (Value, bool) {
	all := All()
	i, ok := slices.BinarySearchFunc(all, id, func(v Value, id string) int { return strings.Compare(v.ID, id) })
	if !ok {
		return Value{}, false
	}
	return all[i], true
}

// IDs lists the ids, sorted.
func IDs() []string {
	ids := make([]string, len(All()))
	for i, v := range All() {
		ids[i] = v.ID
	}
	return ids
}
