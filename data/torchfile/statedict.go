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
	case *dict:
		return v.state()
	}
	return nil, fmt.Errorf("holds %s, not a state dict; save the weights alone: torch.save(model.state_dict(), file)", kindOf(root))
}

func kindOf(v any) string {
	switch v.(type) {
	case *view:
		return "one tensor"
	case *list, tuple:
		return "a list"
	}
	return fmt.Sprintf("a %T", v)
}

// state is the dict that it holds, else the dict itself.
func (d *dict) state() ([]named, error) {
	for _, holder := range holders {
		i := slices.IndexFunc(d.keys, func(k any) bool { return k == holder })
		if i < 0 {
			continue
		}
		if inner, ok := d.values[i].(*dict); ok {
			if found := inner.tensors(); len(found) > 0 {
				return found, nil
			}
		}
	}
	if found := d.tensors(); len(found) > 0 {
		return found, nil
	}
	var keys []string
	for _, key := range d.keys {
		if text, ok := key.(string); ok && len(keys) < 20 {
			keys = append(keys, text)
		}
	}
	return nil, fmt.Errorf("no state dict in it: neither tensors nor one of %s; its keys: %q", strings.Join(holders, ", "), keys)
}

// tensors are the dict's own; other values (flags, extra state) are left out.
func (d *dict) tensors() []named {
	var found []named
	for i, key := range d.keys {
		name, ok := key.(string)
		if t, isTensor := d.values[i].(*view); ok && isTensor {
			found = append(found, named{name, t})
		}
	}
	return found
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
