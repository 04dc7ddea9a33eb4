package torchfile

import (
	"fmt"
	"slices"
	"strings"
)

// holders are the keys under which training programs keep the state dict.
var holders = []string{"state_dict", "model_state_dict", "model", "module"}

type named struct {
	name string
	view *view
}

// stateDict finds the tensors of a file's value, with their names.
func stateDict(root any) ([]named, error) {
	switch v := root.(type) {
	case *object:
		w := &walker{}
		w.object("", v, 0)
		if len(w.found) == 0 {
			return nil, fmt.Errorf("the TorchScript module has no tensors")
		}
		return w.found, w.err
	}
	if d := dictOf(root); d != nil {
		return d.state()
	}
	return nil, fmt.Errorf("holds %s, not a state dict (nothing of it was run); save the weights alone: torch.save(model.state_dict(), file)", kindOf(root))
}

// dictOf is a dict, or the items of an object of a class made from dict; nil for
// anything else.
func dictOf(v any) *dict {
	switch v := v.(type) {
	case *dict:
		return v
	case *opaque:
		if len(v.items.keys) > 0 {
			return &v.items
		}
	}
	return nil
}

// state is the dict that it holds, else the dict itself.
func (d *dict) state() ([]named, error) {
	for _, holder := range holders {
		i := slices.IndexFunc(d.keys, func(k any) bool { return k == holder })
		if i < 0 {
			continue
		}
		if inner := dictOf(d.values[i]); inner != nil {
			if found, err := inner.tensors(); len(found) > 0 || err != nil {
				return found, err
			}
		}
	}
	if found, err := d.tensors(); len(found) > 0 || err != nil {
		return found, err
	}
	var keys []string
	for i, key := range d.keys {
		if text, ok := key.(string); ok && len(keys) < 20 {
			keys = append(keys, fmt.Sprintf("%.60q (%s)", text, kindOf(d.values[i])))
		}
	}
	return nil, fmt.Errorf("no state dict in it: neither tensors nor one of %s; its keys: %s", strings.Join(holders, ", "), strings.Join(keys, ", "))
}

// tensors are the dict's own; other values (flags, extra state) are left out. A
// tensor of a type that is not read is an error: without it the model would be
// said to lack a parameter.
func (d *dict) tensors() ([]named, error) {
	var found []named
	for i, key := range d.keys {
		name, ok := key.(string)
		if !ok {
			continue
		}
		switch v := d.values[i].(type) {
		case *view:
			found = append(found, named{name, v})
		case *opaque:
			if strings.HasPrefix(v.class, "torch.") && (strings.HasSuffix(v.class, "Storage") || strings.Contains(v.class, "_rebuild_")) {
				return nil, fmt.Errorf("tensor %q: made by %s, a kind of tensor that is not read", name, v.class)
			}
		}
	}
	return found, nil
}

const (
	maxDepth = 64      // modules in modules
	maxNodes = 1 << 20 // attributes looked at: the same module may be reached on many ways
)

// walker collects the tensors of a TorchScript module and the modules in it.
type walker struct {
	found []named
	nodes int
	err   error
}

func (w *walker) object(prefix string, o *object, depth int) {
	attributes, ok := o.state.(*dict)
	if !ok || w.err != nil {
		return
	}
	if depth > maxDepth {
		w.err = fmt.Errorf("modules over %d deep", maxDepth)
		return
	}
	for i, key := range attributes.keys {
		if w.nodes++; w.nodes > maxNodes {
			w.err = fmt.Errorf("over %d attributes", maxNodes)
			return
		}
		name, ok := key.(string)
		if !ok {
			continue
		}
		switch v := attributes.values[i].(type) {
		case *view:
			w.found = append(w.found, named{prefix + name, v})
		case *object:
			w.object(prefix+name+".", v, depth+1)
		}
	}
}
