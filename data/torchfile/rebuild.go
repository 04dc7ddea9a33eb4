package torchfile

import (
	"fmt"
	"strings"

	"react/data/dtype"
)

// functions are what a pickle may call, with what the call gives here. The
// arguments come from the file: each is checked before it is used.
var functions = map[string]func(args tuple) (any, error){
	"collections.OrderedDict":                    orderedDict,
	"torch._utils._rebuild_tensor":               rebuildTensor,
	"torch._utils._rebuild_tensor_v2":            rebuildTensor,
	"torch._utils._rebuild_parameter":            first,
	"torch._utils._rebuild_parameter_with_state": first,
	"torch._tensor._rebuild_from_type_v2":        rebuildFromType,
	"torch.Size":                                 first,
	"torch.device":                               func(tuple) (any, error) { return nil, nil },
	"torch.jit._pickle.build_intlist":            first,
	"torch.jit._pickle.build_doublelist":         first,
	"torch.jit._pickle.build_boollist":           first,
	"torch.jit._pickle.build_tensorlist":         first,
	"torch.jit._pickle.restore_type_tag":         first,
}

// names are what a pickle may import but not call.
var names = map[string]bool{
	"torch.Tensor": true, "torch._tensor.Tensor": true, "torch.nn.parameter.Parameter": true,
	"torch.float64": true, "torch.float32": true, "torch.float16": true, "torch.bfloat16": true,
	"torch.int64": true, "torch.int32": true, "torch.int16": true, "torch.int8": true, "torch.uint8": true, "torch.bool": true,
}

// storages are the classes of storages.
var storages = map[string]dtype.Type{
	"torch.DoubleStorage": dtype.F64, "torch.FloatStorage": dtype.F32, "torch.HalfStorage": dtype.F16, "torch.BFloat16Storage": dtype.BF16,
	"torch.LongStorage": dtype.I64, "torch.IntStorage": dtype.I32, "torch.ShortStorage": dtype.I16, "torch.CharStorage": dtype.I8,
	"torch.ByteStorage": dtype.U8, "torch.BoolStorage": dtype.Bool,
}

// global pushes a name, if it is one that tensors need.
func (m *machine) global(module, name string) {
	if m.err != nil {
		return
	}
	g := global{module, name}
	path := g.String()
	_, call := functions[path]
	_, class := storages[path]
	if !call && !class && !names[path] && !(m.script && isScriptClass(g)) {
		m.fail("imports %q, which no tensor needs, so nothing of it was run; save the weights alone: torch.save(model.state_dict(), file)", path)
		return
	}
	m.push(g)
}

func isScriptClass(g global) bool {
	return g.module == "__torch__" || strings.HasPrefix(g.module, "__torch__.")
}

// call is a call of one of functions.
func (m *machine) call(f, args any) {
	g, ok := f.(global)
	a, isTuple := args.(tuple)
	call := functions[g.String()]
	if m.err != nil || !ok || !isTuple || call == nil {
		m.fail("calls %v", f)
		return
	}
	v, err := call(a)
	if err != nil {
		m.fail("%s: %w", g, err)
	}
	m.push(v)
}

// newObject makes an instance of a TorchScript class: a bag of attributes.
func (m *machine) newObject(class, args any) {
	g, ok := class.(global)
	if a, isTuple := args.(tuple); m.err != nil || !ok || !isTuple || len(a) != 0 || !isScriptClass(g) {
		m.fail("makes an object of %v", class)
		return
	}
	m.push(&object{class: g})
}

// build gives an object its attributes. Those of a dict or a tensor (a state
// dict's _metadata) are of no use here.
func (m *machine) build(state any) {
	switch v := m.peek().(type) {
	case *object:
		v.state = state
	case *dict, *view:
	default:
		m.fail("gives attributes to what has none")
	}
}

func first(args tuple) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no arguments")
	}
	return args[0], nil
}

// orderedDict is OrderedDict() or OrderedDict([[key, value], ...]).
func orderedDict(args tuple) (any, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	items, ok := args[0].(*list)
	if !ok {
		return nil, fmt.Errorf("of what is no list")
	}
	for _, item := range items.items {
		switch pair := item.(type) {
		case tuple:
			if len(pair) == 2 {
				d.put(pair)
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
func rebuildFromType(args tuple) (any, error) {
	if len(args) == 4 {
		inner, ok := args[2].(tuple)
		if g, isGlobal := args[0].(global); ok && isGlobal && g == (global{"torch._utils", "_rebuild_tensor_v2"}) {
			return rebuildTensor(inner)
		}
	}
	return nil, fmt.Errorf("of what is no plain tensor")
}

// rebuildTensor is (storage, offset, shape, strides, ...).
func rebuildTensor(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments", len(args))
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
	items, ok := v.(tuple)
	if l, isList := v.(*list); isList {
		items, ok = l.items, true
	}
	if !ok || len(items) > maxDims {
		return nil, fmt.Errorf("not a list of at most %d numbers", maxDims)
	}
	out := make([]int, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok || n < 0 {
			return nil, fmt.Errorf("%v is not a size", item)
		}
		out[i] = int(n)
	}
	return out, nil
}
