package evaluate

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets/catalogue"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
)

func TestZeroShotRows(t *testing.T) {
	predictions := []Prediction{{Label: 0, Predicted: 0, Rank: 1}, {Label: 0, Predicted: 1, Rank: 5}, {Label: 0, Predicted: 2, Rank: 6}, {Label: 2, Predicted: 2, Rank: 1}}
	rows := zeroShotRows(predictions, []string{"a", "none", "c"})
	want := []op.MetricRow{{Metric: "acc@1", Value: 0.5, N: 4}, {Metric: "acc@5", Value: 0.75, N: 4},
		{Metric: "mean-per-class", Value: (1.0/3 + 1) / 2, N: 4},
		{Metric: "acc@1", Value: 1.0 / 3, N: 3, Class: "a"}, {Metric: "acc@1", Value: 1, N: 1, Class: "c"}}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

func TestRankClassesBreaksTiesByClass(t *testing.T) {
	head := []float32{1, 0, 0, 1, 0, 1, 1, 0} // classes 0 and 3 are equal, 1 and 2 too
	for label := range 4 {
		p := rankClasses([]float32{0.8, 0.6}, head, label)
		if p.Predicted != 0 || p.Label != int32(label) || math.Abs(float64(p.Score)-0.8) > 1e-6 {
			t.Errorf("label %d: got %+v, want class 0 at 0.8", label, p)
		}
		if ranks := []int32{1, 3, 4, 2}; p.Rank != ranks[label] {
			t.Errorf("label %d: rank %d, want %d", label, p.Rank, ranks[label])
		}
	}
}

func TestAgreementWantsTheSameSet(t *testing.T) {
	dir := t.TempDir()
	write := func(rows []Prediction) {
		if err := parquet.WriteFile(filepath.Join(dir, predictionsFile), rows); err != nil {
			t.Fatal(err)
		}
	}
	write([]Prediction{{Key: "a", Predicted: 1, Rank: 1}, {Key: "b", Predicted: 2, Rank: 1}})
	row, err := agreement([]Prediction{{Key: "a", Predicted: 1}, {Key: "b", Predicted: 0}}, dir)
	if err != nil || row.Value != 0.5 || row.N != 2 {
		t.Errorf("got %v, %v, want half of 2", row, err)
	}
	if _, err := agreement([]Prediction{{Key: "a"}, {Key: "c"}}, dir); err == nil || !strings.Contains(err.Error(), `key "c" is "b"`) {
		t.Errorf("got %v, want an error that names both keys", err)
	}
}

// TestManyLabels: the protocols give three different mean average precisions for the same scores.
func TestManyLabels(t *testing.T) {
	scores := metric.Scores{Values: []float32{0.9, 0.1, 0.2, 0.3, 0.8, 0.7, 0.4, 0.6}, Classes: 2}
	set := &embed.Labelled{FeatureSet: embed.FeatureSet{Classes: []string{"cat", "dog"}, Metric: "mAP-elevater", Many: true}, Items: []embed.FeatureItem{
		{Labels: []int32{1}}, {Labels: []int32{0, 1}}, {Labels: []int32{0}}, {Labels: []int32{0}}}}
	seen := map[float64]bool{}
	for _, protocol := range []string{openAI, elevater, clipBenchmark} {
		s := metric.Scores{Values: slices.Clone(scores.Values), Classes: 2}
		rows, predictions, err := (&scoreReport{protocol: protocol, set: set, scale: 100, workers: 1}).rows(s)
		if err != nil || predictions != nil || len(rows) != 2 || rows[0].Metric != "score" || rows[1].Metric != "mAP" || rows[0].Value != rows[1].Value {
			t.Fatalf("%s: %v %v %v", protocol, rows, predictions, err)
		}
		seen[rows[0].Value] = true
	}
	if len(seen) != 3 {
		t.Errorf("values %v", seen)
	}
}

func TestPromptsFile(t *testing.T) {
	set := &embed.Labelled{FeatureSet: embed.FeatureSet{Dir: "set", Classes: []string{"cat", "sad"}, Names: []catalogue.Names{{"cat"}, {"sad", "depressed"}}}}
	for _, tc := range []struct{ text, want string }{
		{`{"cat": ["a cat with whiskers", "a small cat"], "depressed": ["a sad face"]}`, ""},
		{`{"cat": ["a"]}`, `no prompts for class "sad"`},
		{`{"cat": ["a"], "sad": ["b"], "dog": ["c"]}`, `1 of its 3 classes are none of the set's (the first of the set is "cat")`},
		{`{"cat": ["a", ""], "sad": ["b"]}`, `class "cat": an empty prompt`},
		{`["a"]`, `want an object of names and lists of strings ({"class": ["a prompt"]}), got a list`},
		{`{"cat": ["a"], "sad": ["b", 3]}`, `sad[1]: want a string, got 3`},
	} {
		path := filepath.Join(t.TempDir(), "p.json")
		if err := os.WriteFile(path, []byte(tc.text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPrompts(path, set.Classes, set.Names)
		if tc.want == "" {
			if err != nil || len(got[0]) != 2 || got[1][0] != "a sad face" {
				t.Errorf("%q %v", got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", tc.text, err)
		}
	}
}

func BenchmarkZeroShotScores(b *testing.B) {
	const images, classes, dim = 50_000, 1000, 512
	x, head := blas.New(images, dim), blas.New(classes, dim)
	for i := range x.Values {
		x.Values[i] = float32((i*7919)%1009) - 504
	}
	for i := range head.Values {
		head.Values[i] = float32((i*104729)%997) - 498
	}
	set := &embed.Labelled{X: x}
	for c := range classes {
		set.Classes = append(set.Classes, fmt.Sprint("class ", c))
		blas.Normalize(head.Row(c))
	}
	for i := range images {
		set.Items = append(set.Items, embed.FeatureItem{Key: fmt.Sprint(i), Labels: []int32{int32(i % classes)}})
	}
	b.Run("product", func(b *testing.B) {
		for b.Loop() {
			metric.ScoresOf(x, head)
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			report := &scoreReport{protocol: openAI, set: set, scale: 100, workers: 2}
			if _, _, err := report.rows(metric.ScoresOf(set.Normalized(), head)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
