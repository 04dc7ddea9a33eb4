package layout

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

// safetensorsOf builds a file from a header and its bytes.
func safetensorsOf(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func readBytes(data []byte) (*clip.Weights, error) {
	f, err := parseSafetensors(data)
	if err != nil {
		return nil, err
	}
	return f.weights()
}

func TestSafetensorsTypes(t *testing.T) {
	w, err := readBytes(safetensorsOf(`{"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]},"d":{"dtype":"F64","shape":[1,1],"data_offsets":[6,14]},"i":{"dtype":"I64","shape":[1],"data_offsets":[14,22]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[22,22]}}`,
		0x00, 0x3c, 0x00, 0xc0, 0x40, 0x40, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 1, 0, 0, 0, 0, 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"h": {1, -2}, "b": {3}, "d": {0.5}, "e": {}} {
		if got := w.At(name); got == nil || !slices.Equal(got.Data, want) {
			t.Errorf("%s: %+v, want %v", name, got, want)
		}
	}
	if w.At("i") != nil {
		t.Error("an integer tensor is no weight")
	}
}

func TestSafetensorsErrors(t *testing.T) {
	const one = `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "0 bytes"},
		{"short", []byte{1, 2, 3}, "3 bytes"},
		{"header over the file", binary.LittleEndian.AppendUint64(nil, 1<<62), "header of"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "header of"},
		{"not JSON", safetensorsOf(`{`), "header: "},
		{"cut short", safetensorsOf(one, 0, 0, 0), "shape [1] is larger than the file"},
		{"too long", safetensorsOf(one, 0, 0, 0, 0, 0), "the tensors need 4 bytes, the file has 5"},
		{"unknown dtype", safetensorsOf(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, 0), `unknown dtype "F8"`},
		{"wrong size", safetensorsOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "shape [2] is larger than the file"},
		{"backwards", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 0, 0, 0, 0), "bytes [4 0]"},
		{"negative", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 0, 0, 0, 0), "bytes [-4 0]"},
		{"negative shape", safetensorsOf(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "shape [-1 -1]"},
		{"overflow", safetensorsOf(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "larger than the file"},
		{"overlap", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 0, 0, 0, 0, 0, 0), `tensor "b": starts at byte 2`},
		{"gap", safetensorsOf(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 0, 0, 0), `tensor "b": starts at byte 2`},
		{"offsets missing", safetensorsOf(`{"a":{"dtype":"F32","shape":[1]}}`, 0, 0, 0, 0), "needs 4"},
		{"entry is no object", safetensorsOf(`{"a":3}`), `tensor "a"`},
	} {
		if _, err := readBytes(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLoadErrorsNameTheFile(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	for _, x := range []struct {
		name   string
		damage func(dir string)
		want   string
	}{
		{"no config", func(dir string) { os.Remove(filepath.Join(dir, ConfigFile)) }, ConfigFile},
		{"no weights", func(dir string) { os.Remove(filepath.Join(dir, weightsFile)) }, weightsFile},
		{"truncated", func(dir string) { os.Truncate(filepath.Join(dir, weightsFile), 5000) }, weightsFile + ": "},
		{"another config", func(dir string) {
			other := c.Config.WithVocab(21)
			text, _ := json.Marshal(other)
			os.WriteFile(filepath.Join(dir, ConfigFile), text, 0o644)
		}, `parameter "token_embedding.weight" is [20 8], the config says [21 8]`},
		{"gates unsaid", func(dir string) {
			g, _ := c.WithGates(1, 1)
			WriteSafetensors(filepath.Join(dir, weightsFile), g.Weights)
		}, "is not one of the config's model"},
		{"one missing", func(dir string) {
			w := &clip.Weights{}
			for _, name := range c.Weights.Names()[1:] {
				w.Put(name, c.Weights.At(name).Shape, c.Weights.At(name).Data)
			}
			WriteSafetensors(filepath.Join(dir, weightsFile), w)
		}, `parameter "positional_embedding" is missing`},
	} {
		dir := t.TempDir()
		if err := Save(c, dir, OpenCLIP); err != nil {
			t.Fatal(err)
		}
		x.damage(dir)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}

func FuzzReadSafetensors(f *testing.F) {
	f.Add(safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 128, 63))
	f.Add(safetensorsOf(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}`, 1, 2, 3, 4, 5, 6))
	f.Add(safetensorsOf(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, 0, 0, 0, 0))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := readBytes(data)
		if err != nil {
			return
		}
		for _, name := range w.Names() {
			if !holds(w.At(name).Shape, len(w.At(name).Data)) {
				t.Fatalf("%q: %d values of shape %v", name, len(w.At(name).Data), w.At(name).Shape)
			}
		}
	})
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

func TestCheckpointRoundTrip(t *testing.T) {
	c := cliptest.Stir(cliptest.SmallModel(2, false))
	c.Config.Preprocess = &clip.Preprocess{Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.25, 0.25, 0.25}}
	var files [2][]byte
	for i := range files {
		dir := t.TempDir()
		if err := Save(c, dir, OpenCLIP); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if differ := cliptest.SameBits(c, got); differ != nil || !slices.Equal(c.Weights.Names(), got.Weights.Names()) {
			t.Errorf("differ: %v", differ)
		}
		if mean, _ := got.Config.Normalization(); mean[0] != 0.5 || got.Config.Gates() != 2 || got.Config.Model.QuickGELU {
			t.Errorf("config %+v", got.Config)
		}
		for _, name := range []string{ConfigFile, weightsFile} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = append(files[i], data...)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two saves differ")
	}
}
