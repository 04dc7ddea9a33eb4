package torchfile

import (
	"errors"
	"fmt"
	"strings"
)

// Array is a NumPy array of bytes, row-major.
type Array struct {
	Shape  []int
	Values string
}

// maxPlain bounds a pickle of plain values: CIFAR-100's training images have 155 MB.
const maxPlain = 256 << 20

// Plain reads a pickle that is a dictionary from texts to plain values, as the batches of CIFAR
// are: int64, float64, string, []any of those, and Array. Values of other kinds are left out.
// Nothing is run.
func Plain(raw []byte) (map[string]any, error) {
	if len(raw) > maxPlain {
		return nil, fmt.Errorf("a pickle of %d MiB; up to %d are read", len(raw)>>20, maxPlain>>20)
	}
	m := &machine{data: raw, load: func(any) (any, error) { return nil, errors.New("a persistent id, which plain values have none of") }}
	root, err := m.run()
	if err != nil {
		return nil, err
	}
	d, ok := root.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s, want a dict", kindOf(root))
	}
	out := map[string]any{}
	for i, k := range d.keys {
		key, ok := plainText(k)
		if !ok {
			continue
		}
		if v, ok := plainValue(d.values[i]); ok {
			out[key] = v
		}
	}
	return out, nil
}

// plainText is a text of Python 2 or 3, or bytes.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

func plainValue(v any) (any, bool) {
	if text, ok := plainText(v); ok {
		return text, true
	}
	switch v := v.(type) {
	case int64, float64:
		return v, true
	case *list:
		items := make([]any, len(v.items))
		for i, item := range v.items {
			text, ok := plainText(item)
			if items[i] = item; ok {
				items[i] = text
			}
		}
		return items, true
	case *opaque:
		return arrayOf(v)
	}
	return nil, false
}

// arrayOf is what numpy.ndarray.__reduce__ writes: a call of _reconstruct, and the state (version,
// shape, type, whether columns come first, values).
func arrayOf(o *opaque) (any, bool) {
	state, ok := o.state.(tuple)
	if !ok || !strings.HasSuffix(o.class, "multiarray._reconstruct") || len(state.items) != 5 {
		return nil, false
	}
	shape, err := sizes(state.items[1])
	values, isText := plainText(state.items[4])
	if fortran, isBool := state.items[3].(bool); err != nil || !isText || !isBool || fortran {
		return nil, false
	}
	size := 1
	for _, d := range shape {
		if d > maxPlain || size > maxPlain {
			return nil, false
		}
		size *= d
	}
	return Array{shape, values}, size == len(values)
}
