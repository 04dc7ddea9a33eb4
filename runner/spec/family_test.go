package spec

import (
	"strings"
	"testing"

	"react/runner/spec/contract"
)

// towers are checkpoints of several families.
var towers = map[string]contract.Tower{
	"b32":    {Kind: "ViT", Width: 768, Blocks: 12, Size: 224},
	"flat":   {Kind: "ViT", Width: 768, Blocks: 3, Size: 224},
	"bigg":   {Kind: "ViT", Width: 1664, Blocks: 48, Size: 224},
	"own":    {Kind: "ViT", Width: 96, Blocks: 4, Size: 32},
	"resnet": {Kind: "ResNet", Width: 64, Size: 224},
}

// TestFamilies: a checkpoint of a user's own has the values of its family and not those of the
// models that this program trains, and what is given stays.
func TestFamilies(t *testing.T) {
	const react = `"gradClip":0,"gatedDepth":%,"alphaLRScale":1,"precision":"f32","augment":{"crop":[0.08,1],"ratio":[0.75,1.3333],"flip":0.5,"color":0,"randAugment":"rand-m9-mstd0.5-inc1","erasing":0.25}}`
	depth := func(n string) string { return strings.Replace(react, "%", n, 1) }
	for name, c := range map[string]struct{ backbone, tune, want string }{
		"b32":         {`weights: "b32"`, `mode: "gated-image", steps: 66688`, `"lr":0.0005,"warmup":5000,"weightDecay":0.1,` + depth("6")},
		"short":       {`weights: "b32"`, `mode: "locked-text", steps: 300`, `"lr":0.00005,"warmup":22,"weightDecay":0.1,` + depth("6")},
		"given":       {`weights: "b32"`, `mode: "gated-image", steps: 300, gradClip: 1, warmup: 7, lr: 0.1`, `"lr":0.1,"warmup":7,"weightDecay":0.1,"gradClip":1,"gatedDepth":6`},
		"few blocks":  {`weights: "flat"`, `mode: "gated-image", steps: 300`, `"gatedDepth":3`},
		"bigG":        {`weights: "bigg"`, `mode: "gated-image", steps: 300`, depth("12")},
		"ResNet":      {`weights: "resnet"`, `mode: "full", steps: 300`, depth("0")},
		"not there":   {`weights: "none"`, `mode: "gated-image", steps: 300`, depth("6")},
		"named":       {`arch: "RN50", weights: "none"`, `mode: "full", steps: 300`, depth("0")},
		"own":         {`weights: "own"`, `mode: "gated-image", steps: 300`, `"lr":0.001,"warmup":20,"weightDecay":0.1,"gradClip":1,"gatedDepth":2,"alphaLRScale":10,"precision":"f32","augment":{"crop":[0.6,1],"ratio":[0.8,1.25],"flip":0,"color":0.2}}`},
		"trained":     {`arch: "ViT-B-32", pretrain: pool: "world"`, `mode: "full", steps: 300`, depth("6")},
		"augment too": {`weights: "b32"`, `mode: "full", steps: 300, augment: {crop: [1, 1], randAugment: "off"}`, `"crop":[1,1],"ratio":[0.75,1.3333],"flip":0.5,"color":0,"randAugment":"off","erasing":0.25}`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(small, `{arch: "tiny", pretrain: pool: "world"}`, "{"+c.backbone+"}", 1)
			text = strings.Replace(text, `mode: "full", steps: 300`, c.tune, 1)
			e, err := Parse("x.cue", []byte(text), Options{Towers: towers})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range Sections(&e.Trials[0].Params) {
				if s.Name == "tune" && !strings.Contains(s.JSON, strings.Replace(c.want, "0.00005", "0.00005", 1)) {
					t.Errorf("got  %s\nwant %s", s.JSON, c.want)
				}
			}
		})
	}
}

// TestDefaulted: it is said which values were taken and why.
func TestDefaulted(t *testing.T) {
	text := strings.Replace(small, `{arch: "tiny", pretrain: pool: "world"}`, `{weights: "b32"}`, 1) +
		`sweep: {grid: tune: mode: ["full", "locked-text"], cases: [{label: "own", backbone: weights: "own", tune: {mode: "gated-image", gradClip: 1, lr: 0.1}}, {label: "base", tune: mode: "none"}]}`
	e, err := Parse("x.cue", []byte(text), Options{Towers: towers})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range e.Defaulted {
		got = append(got, d.String())
	}
	want := []string{
		"tune has the defaults of family ViT (backbone.weights b32, a ViT of width 768 and 12 blocks for images of 224 pixels): augment.color 0, augment.crop [0.08, 1], " +
			`augment.erasing 0.25, augment.flip 0.5, augment.randAugment "rand-m9-mstd0.5-inc1", augment.ratio [0.75, 1.3333], gradClip 0, warmup 22, lr 0.00005 for full and locked-text`,
		"tune has the defaults of family tiny (backbone.weights own, a ViT of width 96 and 4 blocks for images of 32 pixels): alphaLRScale 10, augment.color 0.2, " +
			"augment.crop [0.6, 1], augment.flip 0, augment.ratio [0.8, 1.25], gatedDepth 2, warmup 20",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	missing, err := Parse("x.cue", []byte(text), Options{})
	if want := "(backbone.weights b32, which could not be read: taken for a released model)"; err != nil || !strings.Contains(missing.Defaulted[0].String(), want) {
		t.Errorf("%v, %v", err, missing.Defaulted)
	}
}
