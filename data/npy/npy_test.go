package npy

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	values := []float32{0, -1, 0.5, 1.0 / 1024, 65504, -2}
	for _, tc := range []struct {
		name  string
		shape []int
		dtype string
	}{
		{"matrix f2", []int{2, 3}, "<f2"},
		{"matrix f4", []int{3, 2}, "<f4"},
		{"vector", []int{6}, "<f4"},
		{"three axes", []int{1, 2, 3}, "<f2"},
		{"no rows", []int{0, 3}, "<f2"},
		{"empty rows", []int{4, 0}, "<f2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.npy")
			want := values
			if slices.Contains(tc.shape, 0) {
				want = []float32{}
			}
			if err := Write(path, tc.shape, want, tc.dtype); err != nil {
				t.Fatal(err)
			}
			shape, got, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(shape, tc.shape) || !slices.Equal(got, want) {
				t.Errorf("got %v %v, want %v %v", shape, got, tc.shape, want)
			}
			if raw, _ := os.ReadFile(path); raw[headerSize-1] != '\n' || len(raw) < headerSize {
				t.Errorf("header does not end at %d", headerSize)
			}
		})
	}
}

func TestStreamEqualsWhole(t *testing.T) {
	dir := t.TempDir()
	data := make([]float32, 3000*7) // several pieces of maxPiece
	for i := range data {
		data[i] = float32(i%2048) / 2048
	}
	whole, stream := filepath.Join(dir, "whole.npy"), filepath.Join(dir, "stream.npy")
	if err := Write(whole, []int{3000, 7}, data, "<f2"); err != nil {
		t.Fatal(err)
	}
	w, err := Create(stream, "<f2", 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3000; i += 3 {
		if err := w.Append(data[i*7 : (i+3)*7]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(whole)
	b, _ := os.ReadFile(stream)
	if !bytes.Equal(a, b) {
		t.Error("rows one by one give other bytes than the whole array")
	}

	f, err := Open(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	row := make([]float32, 7)
	for _, i := range []int{0, 1, 1500, 2999} {
		if err := f.Row(i, row); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(row, data[i*7:i*7+7]) {
			t.Errorf("row %d: got %v, want %v", i, row, data[i*7:i*7+7])
		}
	}
	block := make([]float32, 5*7)
	if err := f.ReadRows(10, 5, block); err != nil || !slices.Equal(block, data[70:105]) {
		t.Errorf("rows 10 to 15: got %v, %v", block, err)
	}
	for _, bad := range []struct{ start, n int }{{-1, 1}, {3000, 1}, {2999, 2}, {0, 3001}, {1, math.MaxInt}} {
		if err := f.ReadRows(bad.start, bad.n, nil); err == nil {
			t.Errorf("rows %d, %d: no error", bad.start, bad.n)
		}
	}
	if err := f.Row(0, row[:3]); err == nil {
		t.Error("short destination: no error")
	}
}

// file builds an npy file by hand.
func file(dict string, data ...byte) []byte {
	return append([]byte("\x93NUMPY\x01\x00"+string([]byte{byte(len(dict)), byte(len(dict) >> 8)})+dict), data...)
}

func TestReadTypes(t *testing.T) {
	for _, tc := range []struct {
		name string
		raw  []byte
		want []float32
		ints []int
	}{
		{"i8", file("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", 254, 255, 255, 255, 255, 255, 255, 255), []float32{-2}, []int{-2}},
		{"i4", file(`{"shape": (1, 1), "descr": "<i4", "fortran_order": False}`, 5, 0, 0, 0), []float32{5}, []int{5}},
		{"u1", file("{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }\n", 255, 1), []float32{255, 1}, []int{255, 1}},
		{"f8", file("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 0, 0, 0, 0, 0, 0, 0xf0, 0x3f), []float32{1}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.npy")
			os.WriteFile(path, tc.raw, 0o666)
			_, got, err := Read(path)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %v, %v, want %v", got, err, tc.want)
			}
			_, ints, err := ReadInts(path)
			if (err == nil) != (tc.ints != nil) || !slices.Equal(ints, tc.ints) {
				t.Errorf("ints: got %v, %v, want %v", ints, err, tc.ints)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	const f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
	for _, tc := range []struct {
		name, want string
		raw        []byte
	}{
		{"empty", "ends inside the npy header", nil},
		{"not npy", "not an npy file", []byte("PAR1 and so on and on")},
		{"header cut", "ends inside the npy header", file(f4)[:20]},
		{"version", "version 9.0 is not known", append([]byte("\x93NUMPY\x09\x00\x05\x00"), "hello"...)},
		{"data cut", "ends in row 1 of 2", file(f4, make([]byte, 9)...)},
		{"data follows", "1 bytes follow the array [2 2] of <f4", file(f4, make([]byte, 17)...)},
		{"fortran", "Fortran order", file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }")},
		{"big endian", `dtype ">f4" is not read`, file("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }")},
		{"record", "not a plain type", file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }")},
		{"huge", "too large", file("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 8), }")},
		{"huge and none", "too large", file("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296), }")},
		{"negative", "bad length", file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }")},
		{"no shape", `no "shape"`, file("{'descr': '<f4', 'fortran_order': False}")},
		{"twice", "twice", file("{'descr': '<f4', 'descr': '<f4'}")},
		{"unknown key", `unknown key "x"`, file("{'x': 1}")},
		{"not a dictionary", "not a dictionary", file("import os")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.npy")
			os.WriteFile(path, tc.raw, 0o666)
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the path", err, tc.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing.npy")); err == nil {
		t.Error("missing file: no error")
	}
}

func TestWriteErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	if err := Write(path, []int{2, 2}, make([]float32, 3), "<f2"); err == nil {
		t.Error("3 values for 2x2: no error")
	}
	if _, err := Open(path); err == nil {
		t.Error("a file whose writing failed opens")
	}
	if err := Write(path, []int{2, 2}, []float32{0, 0, 0, 1e6}, "<f2"); err == nil || !strings.Contains(err.Error(), "row 1: 1e+06 does not fit") {
		t.Errorf("overflow: got %v", err)
	}
	if err := Write(path, []int{1}, []float32{1}, "<f8"); err == nil {
		t.Error("<f8: no error")
	}
	if err := Write(path, nil, []float32{1}, "<f4"); err == nil {
		t.Error("no axes: no error")
	}
	w, err := Create(path, "<f4", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(make([]float32, 4)); err == nil {
		t.Error("part of a row: no error")
	}
	if err := w.Append(make([]float32, 3)); err != nil {
		t.Fatal(err)
	}
	// Killed here: the header still says no rows, and bytes follow.
	w.w.Flush()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "half written") {
		t.Errorf("half-written file: got %v", err)
	}
	w.Close()
	if err := w.Append(make([]float32, 3)); err == nil {
		t.Error("append after close: no error")
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	err := Write("/dev/full", []int{1 << 10, 1 << 8}, make([]float32, 1<<18), "<f4")
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v, want no space left", err)
	}
}

func TestReadHalves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	if err := Write(path, []int{3, 2}, []float32{0, 1, -2, 0.5, 4, 8}, "<f2"); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]uint16, 4)
	if err := f.ReadHalves(1, 2, got); err != nil || !slices.Equal(got, []uint16{0xc000, 0x3800, 0x4400, 0x4800}) {
		t.Errorf("got %x, %v", got, err)
	}
	if err := f.ReadHalves(3, 0, nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []error{f.ReadHalves(2, 2, got), f.ReadHalves(-1, 2, got), f.ReadHalves(0, 1, got)} {
		if bad == nil || !strings.Contains(bad.Error(), "a.npy: 4 halves of rows") {
			t.Errorf("got %v", bad)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add(file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", make([]byte, 16)...))
	f.Add(file("{'descr': '|u1', 'fortran_order': False, 'shape': (3L,), }", 1, 2, 3))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := readHeader(bytes.NewReader(raw))
		if err != nil || h.checkSize(int64(len(raw))) != nil {
			return
		}
		// A header that fits the file describes data that can be read.
		data := raw[h.size:]
		values := make([]float32, len(data)/h.itemSize())
		types[h.dtype].Decode(values, data)
		if len(values) != h.numRows()*h.rowLen() {
			t.Errorf("%d values, shape %v", len(values), h.shape)
		}
	})
}

func BenchmarkRows(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.npy")
	data := make([]float32, 4096*512)
	for i := range data {
		data[i] = float32(i%997)/997 - 0.5
	}
	if err := Write(path, []int{4096, 512}, data, "<f2"); err != nil {
		b.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.SetBytes(4096 * 512 * 2)
	for b.Loop() {
		if err := f.ReadRows(0, 4096, data); err != nil {
			b.Fatal(err)
		}
	}
}
