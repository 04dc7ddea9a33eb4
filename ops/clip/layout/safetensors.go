package layout

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"react/data/dtype"
	"react/data/jsonfile"
	"react/data/mmap"
	"react/data/wholefile"
	"react/ops/clip"
)

// maxHeader bounds the JSON of a safetensors file, as the format's own reader does.
const maxHeader = 100 << 20

// entryJSON is one tensor in a safetensors header.
type entryJSON struct {
	DType   dtype.Type `json:"dtype"`
	Shape   []int64    `json:"shape"`
	Offsets [2]int64   `json:"data_offsets"` // of the bytes after the header
}

// safetensorsFile is an opened file; its values lie where the file is mapped.
type safetensorsFile struct {
	path   string
	file   *mmap.File
	data   []byte // after the header
	names  []string
	header map[string]entryJSON
}

func openSafetensors(path string) (*safetensorsFile, error) {
	m, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := parseSafetensors(m.Bytes())
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.path, f.file = path, m
	return f, nil
}

func parseSafetensors(raw []byte) (*safetensorsFile, error) {
	header, start, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	names, err := checkHeader(header, int64(len(raw))-start)
	if err != nil {
		return nil, err
	}
	return &safetensorsFile{data: raw[start:], names: names, header: header}, nil
}

// list gives the tensors in the order of their bytes.
func (f *safetensorsFile) list() []tensorInfo {
	infos := make([]tensorInfo, len(f.names))
	for i, name := range f.names {
		e := f.header[name]
		shape := make([]int, len(e.Shape))
		for j, d := range e.Shape {
			shape[j] = int(d)
		}
		infos[i] = tensorInfo{name: name, dtype: e.DType, shape: shape}
	}
	return infos
}

func (f *safetensorsFile) float32(name string) ([]float32, error) {
	e, ok := f.header[name]
	if !ok {
		return nil, fmt.Errorf("%s: no tensor %q", f.path, name)
	}
	return e.DType.Float32(f.data[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]]), nil
}

func (f *safetensorsFile) close() error { return f.file.Close() }

// ReadSafetensors reads a file's tensors as float32, in the order of their
// bytes; F64, F16 and BF16 are converted, integer tensors left out. An error
// names the file and what is wrong in it.
func ReadSafetensors(path string) (*clip.Weights, error) {
	f, err := openSafetensors(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	return f.weights()
}

// weights are the tensors, copied.
func (f *safetensorsFile) weights() (*clip.Weights, error) {
	w := &clip.Weights{}
	for _, info := range f.list() {
		if !info.dtype.IsFloat() {
			continue
		}
		data, err := f.float32(info.name)
		if err != nil {
			return nil, err
		}
		w.Put(info.name, info.shape, slices.Clone(data))
	}
	return w, nil
}

// readHeader gives the tensors of the header and the offset of their bytes.
func readHeader(raw []byte) (map[string]entryJSON, int64, error) {
	if len(raw) < 8 {
		return nil, 0, fmt.Errorf("not a safetensors file: %d bytes", len(raw))
	}
	n := binary.LittleEndian.Uint64(raw)
	if n > maxHeader || int64(n) > int64(len(raw))-8 {
		return nil, 0, fmt.Errorf("not a safetensors file, or cut short: a header of %d bytes in a file of %d", n, len(raw))
	}
	var entries map[string]json.RawMessage
	if err := jsonfile.Unmarshal(raw[8:8+n], &entries); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	header := make(map[string]entryJSON, len(entries))
	for name, value := range entries {
		if name == "__metadata__" {
			continue
		}
		var e entryJSON
		if err := jsonfile.Unmarshal(value, &e); err != nil {
			return nil, 0, fmt.Errorf("tensor %q: %w", name, err)
		}
		header[name] = e
	}
	return header, 8 + int64(n), nil
}

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
	bytes := e.DType.Size()
	if bytes == 0 {
		return fmt.Errorf("unknown dtype %q", e.DType)
	}
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

// WriteSafetensors writes the tensors as F32 in their order. The same weights give the same bytes.
func WriteSafetensors(path string, w *clip.Weights) error { return writeSafetensors(path, w, "") }

// writeSafetensors puts metadata, a JSON object, first when it is given.
func writeSafetensors(path string, w *clip.Weights, metadata string) error {
	var b bytes.Buffer
	b.WriteByte('{')
	if metadata != "" {
		fmt.Fprintf(&b, `"__metadata__":%s`, metadata)
	}
	offset := int64(0)
	for _, name := range w.Names() {
		t := w.At(name)
		shape := make([]int64, len(t.Shape))
		for j, d := range t.Shape {
			shape[j] = int64(d)
		}
		end := offset + 4*int64(len(t.Data))
		entry, err := json.Marshal(map[string]entryJSON{name: {DType: dtype.F32, Shape: shape, Offsets: [2]int64{offset, end}}})
		if err != nil {
			return err
		}
		if b.Len() > 1 {
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

// writeFile writes beside the file and renames: the file that is replaced may
// be the one that the weights are mapped from.
func writeFile(path string, header []byte, w *clip.Weights) error {
	err := wholefile.Fill(path, 0o644, func(f *os.File) error {
		buf := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
		_, err := f.Write(append(buf, header...))
		for _, name := range w.Names() {
			if err != nil {
				break
			}
			buf = buf[:0]
			for _, v := range w.At(name).Data {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
			_, err = f.Write(buf)
		}
		return errors.Join(err, f.Chmod(0o644))
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
