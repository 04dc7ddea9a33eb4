package backbone

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"react/data/npy"
	"react/ops/blas"
	"react/ops/clip/encode"
	"react/ops/clip/layout"
	"react/ops/engine"
	"react/ops/metric"
)

// TestClassifierAgreesWithReference: prompts of classes through the text tower, averaged, against
// the classifier of the reference's own text features and its logits (testdata/classifier.py), for
// a model with QuickGELU and one without.
func TestClassifierAgreesWithReference(t *testing.T) {
	var cases []struct {
		Style           string
		Classes         [][]int
		Weights, Logits [][]float64
	}
	raw, err := os.ReadFile("testdata/classifier.json")
	if err == nil {
		err = json.Unmarshal(raw, &cases)
	}
	if err != nil || len(cases) != 2 {
		t.Fatal(err, len(cases))
	}
	eng, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	for _, c := range cases {
		t.Run(c.Style, func(t *testing.T) {
			read := func(name string) ([]int, []float32) {
				shape, values, err := npy.Read(filepath.Join("..", "clip", "testdata", c.Style, name))
				if err != nil {
					t.Fatal(err)
				}
				return shape, values
			}
			enc := fixtureEncoder(t, eng, c.Style)
			shape, ids := read("tokens.npy")
			var prompts [][]string // numbers of rows of tokens
			for _, class := range c.Classes {
				var list []string
				for _, row := range class {
					list = append(list, strconv.Itoa(row))
				}
				prompts = append(prompts, list)
			}
			head, err := averageTexts(prompts, len(c.Weights[0]), func(texts []string) ([]float32, error) {
				var tokens []int32
				for _, text := range texts {
					row, err := strconv.Atoi(text)
					if err != nil {
						return nil, err
					}
					for _, id := range ids[row*shape[1] : (row+1)*shape[1]] {
						tokens = append(tokens, int32(id))
					}
				}
				return enc.Texts(tokens, len(texts))
			})
			if err != nil {
				t.Fatal(err)
			}
			agree(t, "classifier", head.Values, c.Weights, 1e-5)
			count, pixels := read("images.npy")
			images, err := enc.Images(pixels, count[0])
			if err != nil {
				t.Fatal(err)
			}
			scores := metric.ScoresOf(blas.Matrix{Rows: count[0], Cols: head.Cols, Values: images}, head)
			for i := range scores.Values {
				scores.Values[i] *= 100
			}
			agree(t, "logits", scores.Values, c.Logits, 1e-3)
		})
	}
}

// fixtureEncoder compiles a model of ops/clip's testdata; both styles have the same weights.
func fixtureEncoder(t *testing.T, eng *engine.Engine, style string) *encode.Encoder {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"open_clip_config.json": style, "open_clip_model.safetensors": "openai_style"} {
		raw, err := os.ReadFile(filepath.Join("..", "clip", "testdata", from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := layout.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	enc, err := encode.New(eng, c, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { enc.Close() })
	return enc
}

func agree(t *testing.T, what string, got []float32, rows [][]float64, bound float64) {
	t.Helper()
	want := slices.Concat(rows...)
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= bound) {
			t.Fatalf("%s: value %d is %g, the reference's %g", what, i, got[i], want[i])
		}
	}
}

// TestHeadWithoutDirection: prompts that cancel out are no classifier, whose cosines would all be
// 0.
func TestHeadWithoutDirection(t *testing.T) {
	at := -1
	_, err := averageTexts([][]string{{"a", "b"}}, 2, func(texts []string) ([]float32, error) {
		var out []float32
		for range texts {
			at = -at
			out = append(out, float32(at), 0)
		}
		return out, nil
	})
	if err == nil || !strings.Contains(err.Error(), `prompt "a"`) {
		t.Errorf("got %v, want an error that names the class's prompt", err)
	}
}
