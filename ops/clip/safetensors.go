package clip

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/x448/float16"
)

// Tensor is one parameter, in the layout of PyTorch ([out, in] for a linear
// layer), row-major. A scalar has no dimensions and one value.
type Tensor struct {
	Shape []int
	Data  []float32
}

// maxHeader bounds the JSON of a safetensors file, as the format's own reader does.
const maxHeader = 100 << 20

// entryJSON is one tensor in a safetensors header.
type entryJSON struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // of the bytes after the header
}

// ReadSafetensors reads a file's tensors as float32, in the order of their
// bytes; F64, F16 and BF16 are converted, integer tensors left out. An error
// names the file and what is wrong in it.
func ReadSafetensors(path string) (*Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	w, err := readSafetensors(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

func readSafetensors(r io.ReaderAt, size int64) (*Weights, error) {
	header, start, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	names, err := checkHeader(header, size-start)
	if err != nil {
		return nil, err
	}
	w := &Weights{tensors: map[string]*Tensor{}}
	for _, name := range names {
		e := header[name]
		raw := make([]byte, e.Offsets[1]-e.Offsets[0])
		if _, err := io.ReadFull(io.NewSectionReader(r, start+e.Offsets[0], int64(len(raw))), raw); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		data, ok := toFloat32(e.DType, raw)
		if !ok {
			continue
		}
		shape := make([]int, len(e.Shape))
		for i, d := range e.Shape {
			shape[i] = int(d)
		}
		w.Put(name, shape, data)
	}
	return w, nil
}

// readHeader gives the tensors of the header and the offset of their bytes.
func readHeader(r io.ReaderAt, size int64) (map[string]entryJSON, int64, error) {
	var prefix [8]byte
	if _, err := r.ReadAt(prefix[:], 0); err != nil || size < 8 {
		return nil, 0, fmt.Errorf("not a safetensors file: %d bytes", size)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, 0, fmt.Errorf("not a safetensors file, or cut short: a header of %d bytes in a file of %d", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil {
		return nil, 0, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	header := make(map[string]entryJSON, len(raw))
	for name, value := range raw {
		if name == "__metadata__" {
			continue
		}
		var e entryJSON
		if err := json.Unmarshal(value, &e); err != nil {
			return nil, 0, fmt.Errorf("tensor %q: %w", name, err)
		}
		header[name] = e
	}
	return header, 8 + int64(n), nil
}

var dtypeSizes = map[string]int64{"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}

// checkHeader gives the names in the order of their bytes. The tensors must
// fill the rest of the file without a gap or an overlap, as the format asks.
func checkHeader(header map[string]entryJSON, size int64) ([]string, error) {
	names := make([]string, 0, len(header))
	for name, e := range header {
		if err := checkEntry(e, size); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := header[a], header[b]
		if c := slices.Compare(x.Offsets[:], y.Offsets[:]); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	end := int64(0)
	for _, name := range names {
		if at := header[name].Offsets[0]; at != end {
			return nil, fmt.Errorf("tensor %q: starts at byte %d, the one before it ends at %d", name, at, end)
		}
		end = header[name].Offsets[1]
	}
	if end != size {
		return nil, fmt.Errorf("cut short or damaged: the tensors need %d bytes, the file has %d", end, size)
	}
	return names, nil
}

func checkEntry(e entryJSON, size int64) error {
	width, ok := dtypeSizes[e.DType]
	if !ok {
		return fmt.Errorf("unknown dtype %q", e.DType)
	}
	bytes := width
	for _, d := range e.Shape {
		if d < 0 || d > 0 && bytes > size/d {
			return fmt.Errorf("shape %v is larger than the file", e.Shape)
		}
		bytes *= d
	}
	if e.Offsets[0] < 0 || e.Offsets[1] > size || e.Offsets[1]-e.Offsets[0] != bytes {
		return fmt.Errorf("bytes %v of %d for %s %v: it needs %d", e.Offsets, size, e.DType, e.Shape, bytes)
	}
	return nil
}

// toFloat32 converts little-endian values; ok is false for integers.
func toFloat32(dtype string, raw []byte) (data []float32, ok bool) {
	n := len(raw) / int(dtypeSizes[dtype])
	le := binary.LittleEndian
	var at func(i int) float32
	switch dtype {
	case "F32":
		at = func(i int) float32 { return math.Float32frombits(le.Uint32(raw[4*i:])) }
	case "F64":
		at = func(i int) float32 { return float32(math.Float64frombits(le.Uint64(raw[8*i:]))) }
	case "F16":
		at = func(i int) float32 { return float16.Frombits(le.Uint16(raw[2*i:])).Float32() }
	case "BF16":
		at = func(i int) float32 { return math.Float32frombits(uint32(le.Uint16(raw[2*i:])) << 16) }
	default:
		return nil, false
	}
	data = make([]float32, n)
	for i := range data {
		data[i] = at(i)
	}
	return data, true
}

// WriteSafetensors writes the tensors as F32 in their order. The same weights give the same bytes.
func WriteSafetensors(path string, w *Weights) error {
	var b bytes.Buffer
	b.WriteByte('{')
	offset := int64(0)
	for i, name := range w.names {
		t := w.tensors[name]
		shape := make([]int64, len(t.Shape))
		for j, d := range t.Shape {
			shape[j] = int64(d)
		}
		end := offset + 4*int64(len(t.Data))
		entry, err := json.Marshal(map[string]entryJSON{name: {DType: "F32", Shape: shape, Offsets: [2]int64{offset, end}}})
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(entry[1 : len(entry)-1])
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return writeFile(path, b.Bytes(), w)
}

func writeFile(path string, header []byte, w *Weights) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	buf := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	buf = append(buf, header...)
	for _, name := range w.names {
		for _, v := range w.tensors[name].Data {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err = f.Write(buf); err != nil {
			break
		}
		buf = buf[:0]
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
