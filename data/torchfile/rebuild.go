package torchfile

import (
	"fmt"
	"slices"
	"strings"

	"react/data/dtype"
)

// functions are the calls that tensors need, with what they give here. The
// arguments come from the file: each is checked before it is used. Any other
// call gives an opaque value.
var functions = map[string]func(args []any) (any, error){
	"collections.OrderedDict":                    orderedDict,
	"torch._utils._rebuild_tensor":               rebuildTensor,
	"torch._utils._rebuild_tensor_v2":            rebuildTensor,
	"torch._utils._rebuild_parameter":            first,
	"torch._utils._rebuild_parameter_with_state": first,
	"torch._tensor._rebuild_from_type_v2":        rebuildFromType,
	"torch.Size":                                 first,
	"torch.device":                               func([]any) (any, error) { return nil, nil },
	"torch.jit._pickle.build_intlist":            first,
	"torch.jit._pickle.build_doublelist":         first,
	"torch.jit._pickle.build_boollist":           first,
	"torch.jit._pickle.build_tensorlist":         first,
	"torch.jit._pickle.restore_type_tag":         first,
}

// runners are modules and names that only a file made to run something imports.
// Nothing is ever run here, whatever a file imports; such a file is refused all
// the same, so that whoever got it hears of it.
var runners = []string{"os.", "posix.", "nt.", "subprocess.", "sys.", "pty.", "runpy.", "ctypes.", "socket.", "shutil.", "importlib.",
	"webbrowser.", "pickle.loads", "builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.__import__",
	"__builtin__.eval", "__builtin__.exec", "__builtin__.compile", "__builtin__.open", "__builtin__.__import__"}

// storages are the classes of storages.
var storages = map[string]dtype.Type{
	"torch.DoubleStorage": dtype.F64, "torch.FloatStorage": dtype.F32, "torch.HalfStorage": dtype.F16, "torch.BFloat16Storage": dtype.BF16,
	"torch.LongStorage": dtype.I64, "torch.IntStorage": dtype.I32, "torch.ShortStorage": dtype.I16, "torch.CharStorage": dtype.I8,
	"torch.ByteStorage": dtype.U8, "torch.BoolStorage": dtype.Bool,
}

// global pushes a name.
func (m *machine) global(module, name string) {
	if m.err != nil {
		return
	}
	g := global{module, name}
	path := g.String()
	if slices.ContainsFunc(runners, func(r string) bool { return strings.HasPrefix(path, r) && (strings.HasSuffix(r, ".") || path == r) }) {
		m.fail("imports %q, with which Python would run what the file says; nothing of it was run", path)
		return
	}
	m.spend(containerBytes)
	m.push(g)
}

func isScriptClass(g global) bool {
	return g.module == "__torch__" || strings.HasPrefix(g.module, "__torch__.")
}

// call is a call of one of functions, or of anything else, which is not made.
func (m *machine) call(f, args any) {
	a, isTuple := args.(tuple)
	if m.err != nil || !isTuple {
		m.fail("calls %s with %s", kindOf(f), kindOf(args))
		return
	}
	switch f := f.(type) {
	case global:
		call := functions[f.String()]
		if call == nil {
			m.pushOpaque(f.String(), a)
			return
		}
		v, err := call(a.items)
		if err != nil {
			m.fail("%s: %w", f, err)
		}
		m.push(v)
	case *opaque: // a function that another call gave
		m.pushOpaque(f.class, a)
	default:
		m.fail("calls %s", kindOf(f))
	}
}

// newObject makes an instance of a TorchScript class, a bag of attributes, or an
// opaque value.
func (m *machine) newObject(class, args any) {
	a, isTuple := args.(tuple)
	g, ok := class.(global)
	switch {
	case m.err != nil || !ok || !isTuple:
		m.fail("makes an object of %s", kindOf(class))
	case m.script && isScriptClass(g) && len(a.items) == 0:
		m.spend(containerBytes)
		m.push(&object{class: g, depth: 1})
	default:
		m.pushOpaque(g.String(), a)
	}
}

// build gives an object its attributes. Those of a dict or a tensor (a state
// dict's _metadata) are of no use here.
func (m *machine) build(state any) {
	switch v := m.peek().(type) {
	case *object:
		v.state, v.depth = state, m.nest(v.depth, []any{state})
	case *opaque:
		v.state, v.depth = state, m.nest(v.depth, []any{state})
	case *dict, *view:
	default:
		m.fail("gives attributes to %s, which has none", kindOf(v))
	}
}

func first(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no arguments")
	}
	return args[0], nil
}

// orderedDict is OrderedDict() or OrderedDict([[key, value], ...]).
func orderedDict(args []any) (any, error) {
	d := &dict{depth: 1}
	if len(args) == 0 {
		return d, nil
	}
	items, ok := args[0].(*list)
	if !ok {
		return nil, fmt.Errorf("of what is no list")
	}
	d.depth = items.depth // of the pairs in the list, one more than it has
	for _, item := range items.items {
		switch pair := item.(type) {
		case tuple:
			if len(pair.items) == 2 {
				d.put(pair.items)
				continue
			}
		case *list:
			if len(pair.items) == 2 {
				d.put(pair.items)
				continue
			}
		}
		return nil, fmt.Errorf("of what are no pairs")
	}
	return d, nil
}

// rebuildFromType is (function, type, arguments, state): a tensor with Python attributes.
func rebuildFromType(args []any) (any, error) {
	if len(args) == 4 {
		inner, ok := args[2].(tuple)
		if g, isGlobal := args[0].(global); ok && isGlobal && g == (global{"torch._utils", "_rebuild_tensor_v2"}) {
			return rebuildTensor(inner.items)
		}
	}
	return nil, fmt.Errorf("of what is no plain tensor")
}

// rebuildTensor is (storage, offset, shape, strides, ...).
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	if s, ok := args[0].(*opaque); ok { // of a type that is not read
		return &opaque{class: s.class, depth: 1}, nil
	}
	s, ok := args[0].(*storage)
	offset, isInt := args[1].(int64)
	shape, err := sizes(args[2])
	if err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	strides, err := sizes(args[3])
	if err != nil {
		return nil, fmt.Errorf("strides: %w", err)
	}
	if !ok || !isInt || len(shape) != len(strides) {
		return nil, fmt.Errorf("not a storage, an offset, a shape and strides")
	}
	v := &view{storage: s, offset: offset, shape: shape, strides: strides}
	return v, v.check()
}

// maxDims is what PyTorch itself allows.
const maxDims = 64

// sizes reads a tuple or a list of numbers that are not negative.
func sizes(v any) ([]int, error) {
	var items []any
	ok := true
	switch v := v.(type) {
	case tuple:
		items = v.items
	case *list:
		items = v.items
	default:
		ok = false
	}
	if !ok || len(items) > maxDims {
		return nil, fmt.Errorf("not a list of at most %d numbers", maxDims)
	}
	out := make([]int, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok || n < 0 {
			return nil, fmt.Errorf("%s is not a size", kindOf(item))
		}
		out[i] = int(n)
	}
	return out, nil
}
