package torchfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/dtype"
)

// want is a tensor of expected.json, which testdata/make.py wrote from PyTorch.
type want struct {
	Name   string
	DType  string
	Shape  []int
	Values []float32
}

func expected(t *testing.T) map[string][]want {
	t.Helper()
	raw, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]want
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

var pytorchNames = map[dtype.Type]string{dtype.F64: "float64", dtype.F32: "float32", dtype.F16: "float16", dtype.BF16: "bfloat16",
	dtype.I64: "int64", dtype.I32: "int32", dtype.I16: "int16", dtype.I8: "int8", dtype.U8: "uint8", dtype.Bool: "bool"}

func TestFilesOfPyTorch(t *testing.T) {
	all := expected(t)
	if len(all) < 8 {
		t.Fatalf("only %d files", len(all))
	}
	for name, wants := range all {
		t.Run(name, func(t *testing.T) {
			f, err := Open(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Script() {
				// the archive has attributes in another order than the state dict
				wants = inOrderOf(f, wants)
			}
			if len(f.Tensors()) != len(wants) {
				t.Fatalf("%d tensors, want %d", len(f.Tensors()), len(wants))
			}
			for i, got := range f.Tensors() {
				w := wants[i]
				if got.Name != w.Name || pytorchNames[got.DType] != w.DType || !slices.Equal(got.Shape, w.Shape) {
					t.Errorf("tensor %d: %s %s %v, want %s %s %v", i, got.Name, got.DType, got.Shape, w.Name, w.DType, w.Shape)
				}
				data, err := f.Float32(got.Name)
				if err != nil || !slices.Equal(data, w.Values) {
					t.Errorf("%s: %v, %v, want %v", got.Name, data, err, w.Values)
				}
			}
		})
	}
}

func inOrderOf(f *File, wants []want) []want {
	var ordered []want
	for _, got := range f.Tensors() {
		for _, w := range wants {
			if w.Name == got.Name {
				ordered = append(ordered, w)
			}
		}
	}
	if len(ordered) != len(wants) {
		return wants
	}
	return ordered
}

func TestCodeIsReadNotRun(t *testing.T) {
	f, err := Open("testdata/script.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := f.CodeMentions("torch.gelu(", "torch.sigmoid(", "torch.tanh(")
	if err != nil || !f.Script() || !got["torch.gelu("] || !got["torch.sigmoid("] || got["torch.tanh("] {
		t.Errorf("script %v: %v, %v", f.Script(), got, err)
	}
	plain, err := Open("testdata/types.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if got, err := plain.CodeMentions("import"); err != nil || plain.Script() || got["import"] {
		t.Errorf("a file without code: %v, %v", got, err)
	}
}

func TestRefusedFiles(t *testing.T) {
	for file, want := range map[string]string{
		"bad_module.pt":      `holds an object of class "torch.nn.modules.linear.Linear", not a state dict (nothing of it was run)`,
		"bad_import.pt":      `imports "posix.getcwd"`,
		"bad_evil.pt":        `imports "posix.system"`,
		"bad_evil_legacy.pt": `imports "posix.system"`,
		"bad_tensor.pt":      "holds one tensor, not a state dict",
		"bad_keys.pt":        `its keys: "epoch" (a number), "weights" (a dict)`,
	} {
		f, err := Open(filepath.Join("testdata", file))
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
	if _, err := os.Stat("executed"); err == nil {
		t.Error("something in a pickle was executed")
	}
	f, err := Open("testdata/bad_expanded.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Float32("a"); err == nil || !strings.Contains(err.Error(), "an expanded tensor") {
		t.Errorf("an expanded tensor: %v", err)
	}
	if _, err := f.Float32("b"); err == nil || !strings.Contains(err.Error(), `no tensor "b"`) {
		t.Errorf("a tensor that is not there: %v", err)
	}
}

func TestCutShort(t *testing.T) {
	for _, name := range []string{"types.pt", "types_legacy.pt", "views.pt", "script.pt"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(whole); n += 37 {
			if _, err := read(whole[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes were taken", name, n, len(whole))
			}
		}
	}
}

func TestOtherFiles(t *testing.T) {
	tar := make([]byte, 512)
	copy(tar[257:], "ustar")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "not a file of torch.save"},
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "git lfs pull"},
		{"tar", tar, "a tar of PyTorch before 0.2"},
		{"page", []byte("<!DOCTYPE html>"), `it starts with "<!DOCTYP"`},
		{"zip of nothing", []byte("PK\x03\x04"), "cut short or damaged"},
	} {
		if _, err := read(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestPickleMistakes runs small programs that torch.save would not write.
func TestPickleMistakes(t *testing.T) {
	for _, c := range []struct{ name, program, want string }{
		{"protocol 0", "\x80\x00.", "protocol 0"},
		{"opcode", "\x80\x02i", "opcode 0x69"},
		{"empty stack", "\x80\x02.", "empty stack"},
		{"below the mark", "\x80\x02N(s.", "empty stack"},
		{"no mark", "\x80\x02t.", "no mark"},
		{"forgotten", "\x80\x02h\x01.", "did not remember"},
		{"list of what is none", "\x80\x02Na.", "empty stack"},
		{"append to none", "\x80\x02NNa.", "no list"},
		{"odd items", "\x80\x02}(Nu.", "no dict"},
		{"call a string", "\x80\x02X\x01\x00\x00\x00a)R.", "calls the text"},
		{"unknown import", "\x80\x02cos\nsystem\n.", `imports "os.system"`},
		{"evaluation", "\x80\x02cbuiltins\neval\n.", `imports "builtins.eval"`},
		{"call of a tuple", "\x80\x02))R.", "calls a tuple"},
		{"call of a list of itself", "\x80\x02]q\x01h\x01ah\x01)R.", "calls a list"},
		{"arguments that are none", "\x80\x02ca\nB\nNR.", `calls the name "a.B" with None`},
		{"deep tuples", "\x80\x02)" + strings.Repeat("\x85", 1000) + ".", "nested over 1000 deep"},
		{"deep lists", "\x80\x02" + strings.Repeat("]", 1001) + strings.Repeat("a", 1000) + ".", "nested over 1000 deep"},
		{"deep dicts", "\x80\x02" + strings.Repeat("}N", 1002) + "N" + strings.Repeat("s", 1001) + ".", "nested over 1000 deep"},
		{"deep calls", "\x80\x02ca\nB\nq\x01)" + strings.Repeat("q\x02h\x01h\x02\x85R", 1000) + ".", "nested over 1000 deep"},
		{"many values", "\x80\x02" + strings.Repeat("}", 4<<20) + ".", "over 256 MiB"},
		{"a long number", "\x80\x02\x8b\xff\xff\xff\x7f\x00.", "cut short"},
		{"a text of 2^63", "\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x80.", "cut short"},
		{"bytes of 2^64-1", "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "cut short"},
		{"import of a number", "\x80\x04K\x01K\x02\x93.", "no name"},
		{"long text", "\x80\x02X\xff\xff\xff\xff.", "cut short"},
		{"tensor of nothing", "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "0 arguments"},
		{"attributes of none", "\x80\x02N}b.", "to None, which has none"},
		{"persistent", "\x80\x02NQ.", "no storage"},
	} {
		m := &machine{data: []byte(c.program), load: func(id any) (any, error) { return storageOf(id) }}
		if _, err := m.run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	m := &machine{data: []byte("\x80\x02N" + strings.Repeat("(1", maxSteps))}
	if _, err := m.run(); err == nil || !strings.Contains(err.Error(), "opcodes") {
		t.Errorf("an endless program: %v", err)
	}
}

func TestViewsStayInside(t *testing.T) {
	s := &storage{dtype: dtype.F32, key: "0", values: 10}
	for _, v := range []view{
		{s, 10, nil, nil}, {s, -1, nil, nil}, {s, 0, []int{11}, []int{1}}, {s, 5, []int{6}, []int{1}},
		{s, 0, []int{1 << 62, 4}, []int{4, 1}}, {s, 0, []int{3, 3}, []int{1 << 62, 1 << 62}}, {s, 9, []int{2}, []int{1 << 62}},
	} {
		if v.check() == nil {
			t.Errorf("%+v is inside a storage of 10 values", v)
		}
	}
	for _, v := range []view{{s, 9, nil, nil}, {s, 0, []int{0, 1 << 62}, []int{1, 1}}, {s, 1, []int{3, 3}, []int{3, 1}}} {
		if err := v.check(); err != nil {
			t.Errorf("%+v: %v", v, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.pt")
	if err != nil || len(names) < 10 {
		f.Fatalf("%d files: %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(data)
		if err != nil {
			return
		}
		checkTensors(t, file)
	})
}

// FuzzPickle puts the data where data.pkl is, with storages of 64 bytes.
func FuzzPickle(f *testing.F) {
	for _, name := range []string{"types.pt", "views.pt", "script.pt", "types_protocol4.pt", "training.pt"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		a, err := openArchive(data)
		if err != nil {
			f.Fatal(err)
		}
		text, err := a.stored(a.files[a.prefix+"data.pkl"])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := make([]byte, 64)
		m := &machine{data: data, script: true, load: func(id any) (any, error) {
			s, err := storageOf(id)
			// no product: it could overflow
			if err == nil && uint64(s.values) > 64/uint64(s.dtype.Size()) {
				s.values = 64 / s.dtype.Size()
			}
			if err == nil {
				s.raw = func() ([]byte, error) { return raw, nil }
			}
			return s, err
		}}
		root, err := m.run()
		if err != nil {
			return
		}
		found, err := stateDict(root)
		if err != nil {
			return
		}
		for _, n := range found {
			checkValues(t, n.name, n.view.shape)(n.view.float32())
		}
	})
}

func checkTensors(t *testing.T, f *File) {
	for _, tensor := range f.Tensors() {
		checkValues(t, tensor.Name, tensor.Shape)(f.Float32(tensor.Name))
	}
}

func checkValues(t *testing.T, name string, shape []int) func([]float32, error) {
	return func(data []float32, err error) {
		if err != nil {
			return
		}
		if !holds(shape, len(data)) {
			t.Fatalf("%q: %d values of shape %v", name, len(data), shape)
		}
	}
}

// holds says whether a shape is that of n values. It divides: a product could overflow, as that
// of the reader that is tested could.
func holds(shape []int, n int) bool {
	if slices.Contains(shape, 0) {
		return n == 0
	}
	for _, d := range shape {
		if d < 0 || n%d != 0 {
			return false
		}
		n /= d
	}
	return n == 1
}
