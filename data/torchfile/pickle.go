package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The values of a pickle are nil, bool, int64, float64, string, []byte and these.
// Those that hold others know how deep they are nested: see machine.nest.
type (
	tuple struct {
		items []any
		depth int
	}
	list struct { // also a set
		items []any
		depth int
	}
	dict struct { // in order, as written; a key twice stays twice
		keys, values []any
		depth        int
	}
	big string // an integer over 64 bits, by its little-endian bytes

	// global is a name that the pickle imports. It stands for itself: nothing is
	// imported.
	global struct{ module, name string }

	// object is an instance of a TorchScript class, its attributes in state.
	object struct {
		class global
		state any
		depth int
	}

	// opaque stands for what an unknown class or function would make: its name, and
	// what the pickle gives it as state or as items. Nothing is run.
	opaque struct {
		class string
		state any
		items dict
		depth int
	}
)

func (g global) String() string { return g.module + "." + g.name }

// kindOf says what a value is, without its contents: those may be of any size,
// nested to any depth, and hold themselves.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool, int64, float64, big:
		return "a number"
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case []byte:
		return "bytes"
	case tuple:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dict"
	case *view:
		return "one tensor"
	case *storage:
		return "a storage"
	case global:
		return fmt.Sprintf("the name %.200q", v)
	case *object:
		return fmt.Sprintf("an object of class %.200q", v.class)
	case *opaque:
		return fmt.Sprintf("an object of class %.200q", v.class)
	}
	return "a value"
}

const (
	maxPickle = 64 << 20 // bytes
	// opcodes; a checkpoint of 1,000 tensors with its optimizer has some 100,000
	maxSteps  = 4 << 20
	maxValues = 256 << 20 // bytes that the values take in memory, roughly
	maxNested = 1000      // Python's own pickler ends before
)

// machine runs one pickle. It stops at the first error, which err holds.
type machine struct {
	data   []byte
	at     int // next byte
	stack  []any
	marks  []int // heights of the stack
	memo   map[uint32]any
	values int                       // bytes spent on values
	script bool                      // take classes of TorchScript
	load   func(id any) (any, error) // what a persistent id stands for
	err    error
}

// run gives the value of the pickle that starts at m.at and leaves m.at behind it.
func (m *machine) run() (any, error) {
	m.stack, m.marks, m.memo, m.values = m.stack[:0], m.marks[:0], map[uint32]any{}, 0
	for step := 0; ; step++ {
		start := m.at
		op := m.byte()
		if m.err == nil && op == '.' {
			v := m.pop()
			if m.err == nil {
				return v, nil
			}
		}
		if m.err == nil && step >= maxSteps {
			m.fail("over %d opcodes; a state dict has fewer", maxSteps)
		}
		if m.err == nil {
			m.do(op)
		}
		if m.err != nil {
			return nil, fmt.Errorf("pickle at byte %d: %w", start, m.err)
		}
	}
}

func (m *machine) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

// next takes n bytes; at the end of the data it fails and gives nil.
func (m *machine) next(n uint64) []byte {
	if m.err == nil && n > uint64(len(m.data)-m.at) {
		m.fail("cut short: %d bytes wanted, %d there", n, len(m.data)-m.at)
	}
	if m.err != nil {
		return nil
	}
	b := m.data[m.at : m.at+int(n)]
	m.at += int(n)
	return b
}

// uint takes a little-endian number of n bytes.
func (m *machine) uint(n uint64) uint64 {
	var b [8]byte
	copy(b[:], m.next(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (m *machine) byte() byte { return byte(m.uint(1)) }

// line takes a text that ends with a new line.
func (m *machine) line() string {
	for i := m.at; i < len(m.data) && i < m.at+1<<12; i++ {
		if m.data[i] == '\n' {
			text := string(m.data[m.at:i])
			m.at = i + 1
			return text
		}
	}
	m.fail("cut short in a name")
	return ""
}

// What values take in memory, about: an interface on the stack with a number
// behind it, and a container without its items or an entry of the memo.
const (
	valueBytes     = 24
	containerBytes = 64
)

func (m *machine) push(v any) {
	m.spend(valueBytes)
	m.stack = append(m.stack, v)
}

// spend counts memory that values take. It is not given back, as the values
// that are popped may live on in others.
func (m *machine) spend(bytes int) {
	if m.values += bytes; m.values > maxValues {
		m.fail("its values take over %d MiB; a state dict needs far less", maxValues>>20)
	}
}

// nest gives the depth of a container that is nested so deep and gets more
// items, and fails where it is over maxNested: recursion over it would overflow.
func (m *machine) nest(depth int, items []any) int {
	for _, item := range items {
		depth = max(depth, 1+depthOf(item))
	}
	if depth > maxNested {
		m.fail("values nested over %d deep", maxNested)
	}
	m.spend(16 * len(items))
	return depth
}

func depthOf(v any) int {
	switch v := v.(type) {
	case tuple:
		return v.depth
	case *list:
		return v.depth
	case *dict:
		return v.depth
	case *object:
		return v.depth
	case *opaque:
		return v.depth
	}
	return 0
}

func (m *machine) pushTuple(items []any) {
	m.spend(containerBytes)
	m.push(tuple{items, m.nest(1, items)})
}

func (m *machine) pushList(items []any) {
	m.spend(containerBytes)
	m.push(&list{items, m.nest(1, items)})
}

func (m *machine) pushDict(items []any) {
	m.spend(containerBytes)
	m.push(&dict{depth: 1})
	m.set(items)
}

// pushOpaque pushes what an unknown class or function would give.
func (m *machine) pushOpaque(class string, args ...any) {
	m.spend(containerBytes)
	m.push(&opaque{class: class, depth: m.nest(1, args)})
}

func (m *machine) pop() any {
	low := 0
	if n := len(m.marks); n > 0 {
		low = m.marks[n-1]
	}
	if m.err == nil && len(m.stack) <= low {
		m.fail("takes a value from an empty stack")
	}
	if m.err != nil {
		return nil
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v
}

func (m *machine) peek() any {
	v := m.pop()
	if m.err == nil {
		m.push(v)
	}
	return v
}

// popMark takes the values above the last mark, which are the caller's.
func (m *machine) popMark() []any {
	if len(m.marks) == 0 {
		m.fail("no mark on the stack")
		return nil
	}
	from := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	items := append([]any(nil), m.stack[from:]...)
	m.stack = m.stack[:from]
	return items
}

// popN takes n values in the order they were pushed.
func (m *machine) popN(n int) []any {
	items := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		items[i] = m.pop()
	}
	return items
}

func (m *machine) remember(at uint64) {
	if len(m.memo) >= maxSteps {
		m.fail("over %d remembered values", maxSteps)
		return
	}
	m.spend(containerBytes)
	m.memo[uint32(at)] = m.peek()
}

func (m *machine) recall(at uint64) {
	v, ok := m.memo[uint32(at)]
	if !ok {
		m.fail("asks for value %d, which it did not remember", at)
	}
	m.push(v)
}

// long pushes a two's complement integer.
func (m *machine) long(b []byte) {
	if len(b) > 8 {
		m.push(big(b))
		return
	}
	var full [8]byte
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		full = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(full[:], b)
	m.push(int64(binary.LittleEndian.Uint64(full[:])))
}

func (m *machine) float() float64 {
	b := m.next(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

// stackGlobal takes a module and a name from the stack.
func (m *machine) stackGlobal() (module, name string) {
	args := m.popN(2)
	module, ok1 := args[0].(string)
	name, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		m.fail("imports something that has no name")
	}
	return module, name
}

func (m *machine) append(items []any) {
	switch l := m.peek().(type) {
	case *list:
		l.items, l.depth = append(l.items, items...), m.nest(l.depth, items)
	case *opaque: // of a class made from list, whose items no tensor needs
		l.depth = m.nest(l.depth, items)
	default:
		m.fail("appends to what is no list")
	}
}

func (m *machine) set(pairs []any) {
	target := m.peek()
	if len(pairs)%2 != 0 {
		target = nil
	}
	switch d := target.(type) {
	case *dict:
		d.depth = m.nest(d.depth, pairs)
		d.put(pairs)
	case *opaque: // of a class made from dict
		d.depth = m.nest(d.depth, pairs)
		d.items.put(pairs)
	default:
		m.fail("sets items of what is no dict")
	}
}

func (d *dict) put(pairs []any) {
	for i := 0; i < len(pairs); i += 2 {
		d.keys, d.values = append(d.keys, pairs[i]), append(d.values, pairs[i+1])
	}
}
