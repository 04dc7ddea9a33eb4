package matfile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestScipy reads what scipy wrote (testdata/make.py).
func TestScipy(t *testing.T) {
	for _, name := range []string{"testdata/arrays.mat", "testdata/compressed.mat"} {
		vars, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		for variable, want := range map[string][]float64{
			"labels": {-2, 1, -1, 2, 0, 3}, // columns first
			"half":   {0.5, 1e300}, "bytes": {1, 255}, "single": {1.5}, "wide": {-math.Pow(2, 40)},
		} {
			if got := vars[variable].Numbers; !slices.Equal(got, want) {
				t.Errorf("%s: %s: got %v, want %v", name, variable, got, want)
			}
		}
		if got := vars["labels"].Dims; !slices.Equal(got, []int{2, 3}) {
			t.Errorf("dims %v", got)
		}
		if vars["name"].Text != "été" {
			t.Errorf("text %q", vars["name"].Text)
		}
		cells := vars["class_names"].Cells
		if len(cells) != 2 || cells[0].Text != "acura" || !slices.Equal(cells[1].Numbers, []float64{0, 1, 2}) {
			t.Errorf("cells %v", cells)
		}
		f := vars["synsets"].Fields
		if len(f["WNID"]) != 2 || f["WNID"][1].Text != "n02" || f["id"][1].Numbers[0] != 2 {
			t.Errorf("struct %v", f)
		}
	}
}

func TestRefused(t *testing.T) {
	raw, err := os.ReadFile("testdata/arrays.mat")
	if err != nil {
		t.Fatal(err)
	}
	hdf5 := slices.Clone(raw)
	hdf5[125] = 2
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"no file of MATLAB's": {[]byte("label,path\n"), "not a little-endian MATLAB 5 file"},
		"7.3":                 {hdf5, "7.3 is HDF5"},
		"cut":                 {raw[:len(raw)-9], "ends early"},
		"cut in a tag":        {raw[:132], "ends early"},
	} {
		if _, err := parse(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := Read("testdata/complex.mat"); err == nil || !strings.Contains(err.Error(), `complex.mat: variable "z": a complex array`) {
		t.Errorf("complex: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/arrays.mat", "testdata/compressed.mat", "testdata/complex.mat"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		vars, err := parse(raw)
		if err != nil && vars != nil {
			t.Error("variables beside an error")
		}
	})
}

// bomb is a file with compressed variables, each a cell array of empty cells.
func bomb(variables, cells int) []byte {
	tag := func(kind, size int) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(kind)), uint32(size))
	}
	body := append(tag(6, 8), 1, 0, 0, 0, 0, 0, 0, 0) // flags: a cell array
	body = append(append(body, tag(5, 8)...), binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(cells))...)
	body = append(append(body, tag(1, 1)...), 'x', 0, 0, 0, 0, 0, 0, 0)
	body = append(body, bytes.Repeat(tag(miMatrix, 0), cells)...)
	raw := make([]byte, 128)
	raw[125], raw[126], raw[127] = 1, 'I', 'M'
	for range variables {
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		_, _ = z.Write(append(tag(miMatrix, len(body)), body...))
		_ = z.Close()
		raw = append(append(raw, tag(miCompressed, packed.Len())...), packed.Bytes()...)
	}
	return raw
}

// TestMemoryIsBounded has a file of a few kilobytes that would become gigabytes.
func TestMemoryIsBounded(t *testing.T) {
	if vars, err := parse(bomb(1, 1000)); err != nil || len(vars["x"].Cells) != 1000 {
		t.Fatalf("%d cells, %v", len(vars["x"].Cells), err)
	}
	raw := bomb(1, 5<<20)
	if _, err := parse(raw); err == nil || !strings.Contains(err.Error(), "over 512 MiB") || len(raw) > 1<<18 {
		t.Errorf("%d bytes: %v", len(raw), err)
	}
}
