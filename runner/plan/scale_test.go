package plan

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/op"
	"react/runner/spec"
)

const elsewhere = `apiVersion: "runner/v2"
name: "t"
pool: p: {laion: "nowhere/*.parquet", shards: "nowhere/*.tar", rows: 1000000}
backbone: {arch: "ViT-B-32-quickgelu", weights: "nowhere/clip"}
task: classes: "benchmark:cifar-10"
retrieve: {pool: "p", by: ["t2t", "t2i"], k: 10}
tune: {mode: "gated-image", steps: 100, batch: 32, gatedDepth: 6}
evaluate: {
	cifar: {kind: "zeroshot", dataset: "nowhere/cifar-10", benchmark: "cifar-10"}
	five: {kind: "probe", dataset: "nowhere/cifar-10", benchmark: "cifar-10", shots: 5}
	all: {kind: "mean", of: ["cifar", "five"]}
}
sweep: cases: [{label: "base", tune: mode: "none"}, {label: "react"}]
`

func planElsewhere(t *testing.T, without bool) (*Plan, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(file, []byte(elsewhere), 0o644); err != nil {
		t.Fatal(err)
	}
	exp, err := spec.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(exp, Options{WithoutData: without, Digest: func(path string) (string, error) { return "", os.ErrNotExist }})
}

// TestPlanWithoutData names what is missing, once, and knows the work that there is.
func TestPlanWithoutData(t *testing.T) {
	if _, err := planElsewhere(t, false); err == nil || !strings.Contains(err.Error(), `backbone.weights: "nowhere/clip": no such folder or file`) {
		t.Errorf("with data: %v", err)
	}
	p, err := planElsewhere(t, true)
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, m := range p.Missing {
		missing = append(missing, m.Field)
		if strings.HasPrefix(m.Field, "evaluate.") && len(m.Get) == 0 {
			t.Errorf("%s: no way to it is named", m.Field)
		}
	}
	if got, want := strings.Join(missing, " "), "backbone.weights pool.p.laion pool.p.shards evaluate.cifar.dataset"; got != want {
		t.Errorf("missing %s, want %s", got, want)
	}
	model, err := clip.Arch("ViT-B-32-quickgelu")
	if err != nil {
		t.Fatal(err)
	}
	f := model.FLOPs()
	gated := model.WithGates(6)
	fg := gated.FLOPs()
	queries := 10.0 * 18 // classes, CIFAR-10's templates
	want := map[string]op.Work{
		"embed":    {Samples: 1e6, FLOPs: 1e6 * (f.Image + f.Text), Bytes: 1e6 * (2*512*2 + 120)},
		"index":    {Samples: 1e6, Bytes: 1e6 * 512 * 4},
		"retrieve": {Samples: 1e6, FLOPs: 2e6 * queries * 512, Bytes: queries * 40 * 40},
		"pairs":    {Samples: 20 * queries, Bytes: 20 * queries * 160, Images: 20 * queries},
		"tune":     {Steps: 100, Samples: 3200, FLOPs: 3200 * (fg.Image + 3*fg.Gates), Bytes: 4 * float64(gated.Parameters())},
	}
	seen := map[string]bool{}
	for _, s := range p.Stages {
		got := s.Work()
		if w, ok := want[s.Op]; ok && (math.Abs(got.FLOPs-w.FLOPs) > 1e-9*w.FLOPs || got.Samples != w.Samples || got.Bytes != w.Bytes || got.Steps != w.Steps || got.Images != w.Images) {
			t.Errorf("%s: got %+v, want %+v", s.Op, got, w)
		}
		if s.Op == "features" && got.Samples != 10000 && got.Samples != 50000 {
			t.Errorf("features: %+v, want the 10,000 test or the 50,000 training images", got)
		}
		seen[s.Op] = true
	}
	for op := range want {
		if !seen[op] {
			t.Errorf("no stage of %s", op)
		}
	}
}

// TestMeanOfEvaluations: a mean reads the evaluations of the same model.
func TestMeanOfEvaluations(t *testing.T) {
	p, err := planElsewhere(t, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range p.Trials {
		mean := trial.Stages["evaluate/all"]
		if len(mean.In) != 2 || mean.In["of.cifar"] != trial.Stages["evaluate/cifar"] || mean.In["of.five"] != trial.Stages["evaluate/five"] {
			t.Errorf("%s: the mean is of %v", trial.Label, mean.In)
		}
	}
}

// TestPaperSpecs: the specs of the paper's tables plan where none of their data are.
func TestPaperSpecs(t *testing.T) {
	files, err := filepath.Glob("../../experiments/paper/table*.cue")
	if err != nil || len(files) != 4 {
		t.Fatal("want the specs of tables 1 to 4", files, err)
	}
	for _, file := range files {
		exp, err := spec.Load(file, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := New(exp, Options{WithoutData: true, Digest: func(string) (string, error) { return "", nil }})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		total := op.Work{}
		for _, s := range p.Stages {
			total.Add(s.Work())
		}
		if len(p.Missing) < 4 || total.FLOPs < 1e18 || total.Bytes < 1e11 || total.Steps < 60000 {
			t.Errorf("%s: %d inputs missing, %+v", file, len(p.Missing), total)
		}
		published := 0
		for _, table := range exp.Tables {
			published += len(table.Published)
		}
		if published < 4 {
			t.Errorf("%s: %d published figures", file, published)
		}
	}
}

// TestPaperRecipe holds the full-scale specs to the recipe that microsoft/react publishes: AdamW,
// 32 epochs of 8.53 million pairs by 4,096, and so on.
func TestPaperRecipe(t *testing.T) {
	files, err := filepath.Glob("../../experiments/paper/table*.cue")
	if err != nil {
		t.Fatal(err)
	}
	rate := map[string]float64{"gated-image": 5e-4, "locked-text": 5e-5}
	for _, file := range files {
		exp, err := spec.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		tuned := 0
		for _, trial := range exp.Trials {
			u := trial.Params.Tune
			if rate[u.Mode] == 0 { // the base, and table 4's training on MSCOCO
				continue
			}
			tuned++
			if u.LR != rate[u.Mode] || u.Steps != 66688 || u.Batch != 4096 || u.Warmup != 5000 || u.WeightDecay != 0.1 || u.GradClip != 0 || u.Gamma.Value != 0.9 || u.GatedDepth != 6 {
				t.Errorf("%s: %s: %+v", file, trial.Label, u)
			}
			if a := u.Augment; a.Crop != [2]float64{0.08, 1} || a.Ratio != [2]float64{0.75, 1.3333} || a.Flip != 0.5 || a.Color != 0 || a.RandAugment != "rand-m9-mstd0.5-inc1" || a.Erasing != 0.25 {
				t.Errorf("%s: %s: %+v", file, trial.Label, a)
			}
		}
		if tuned == 0 {
			t.Errorf("%s tunes nothing", file)
		}
	}
}

// TestListedScale: the images that a list names count, also where the list is SimCLRv2's and not
// there.
func TestListedScale(t *testing.T) {
	exp, err := spec.Load("../../experiments/paper/table2-lowshot.cue", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(exp, Options{WithoutData: true, Digest: func(string) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]int{}
	for _, s := range p.Stages {
		if s.Op == "features" {
			seen[s.Work().Samples]++
		}
		if s.Op == "fine-tune" && s.Work().Samples < 12811*60 {
			t.Errorf("fine-tune: %+v", s.Work())
		}
	}
	if seen[50000] != 2 || seen[12811] != 2 || seen[128116] != 2 {
		t.Errorf("images of features %v", seen)
	}
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("a\nb\n\nc"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := Stage{Files: map[string]op.Files{"list": {Root: filepath.Dir(list), Paths: []string{list}}}}
	if n := s.listed(); n != 3 {
		t.Errorf("listed %v", n)
	}
}
