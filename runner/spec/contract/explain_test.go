package contract

import (
	"strings"
	"testing"

	"react/results/label"
)

// TestEveryFieldIsExplained holds that each value has a comment, words for what is right, and an
// example that fits; an example as a line of a file sets its own field.
func TestEveryFieldIsExplained(t *testing.T) {
	k := contractOf(t)
	for _, section := range append(k.Sections, "pool.world", "backbone.pretrain", "backbone.pretrain.augment", "tune.augment") {
		e, err := Explain(section)
		if err != nil {
			t.Fatal(err)
		}
		if e.Doc == "" {
			t.Errorf("%s: no comment", section)
		}
		for _, f := range e.Fields {
			at, err := k.follow(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc == "" {
				t.Errorf("%s: no comment", f.Path)
			}
			if !at.IsLeaf() {
				continue
			}
			if f.Value == "" || len(f.Examples) == 0 {
				t.Errorf("%s: value %q, examples %q", f.Path, f.Value, f.Examples)
				continue
			}
			if at.Form.Value.Exists() && !k.fits(at.Form, k.exampleOf(at.Field, strings.ReplaceAll(f.Path, "NAME", "*"))) {
				t.Errorf("%s: the example %s does not fit %s", f.Path, f.Examples[0], f.Value)
			}
			for _, line := range f.Examples {
				if v := k.Context.CompileString(line); v.Err() != nil {
					t.Errorf("%s: %s: %v", f.Path, line, v.Err())
				}
			}
		}
	}
}

func TestExplainErrors(t *testing.T) {
	for path, want := range map[string]string{
		"tune.gama":           `tune.gama: no such field (did you mean "tune.gamma"?)`,
		"gama":                `gama: no such field (did you mean "tune.gamma"?)`,
		"tune.gamma.x":        `tune.gamma.x: tune.gamma is one value and has no fields`,
		"tables.x.row":        `tables.NAME.row: no such field (did you mean "tables.NAME.rows"?)`,
		"sweep.cases[0].labl": `sweep.cases.labl: no such field (did you mean "sweep.cases[].label"?)`,
		"sweep.grid.tun":      `tun: no such field (did you mean "tune"?)`,
		"sweep.sheets":        `sweep.sheets: no such field (did you mean "sweep.seeds"?)`,
		"#Tuen":               `#Tuen: no such definition (did you mean "#Tune"?)`,
	} {
		_, err := Explain(path)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// TestExplainChoices: the comment says what each tuning mode and each kind of evaluation is.
func TestExplainChoices(t *testing.T) {
	for _, path := range []string{"tune.mode", "evaluate.NAME.kind"} {
		e, err := Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range contractOf(t).Find(strings.ReplaceAll(path, "NAME", "*")).Form.spelling().literals {
			if !strings.Contains(" "+strings.Join(strings.Fields(e.Doc), " "), " "+name+": ") {
				t.Errorf("schema: the comment of %s does not say what %s is", path, name)
			}
		}
	}
}

// TestExplainFamilies: explain says what a default depends on.
func TestExplainFamilies(t *testing.T) {
	for path, want := range map[string]string{
		"tune.gatedDepth": "2 for tiny, 12 for ViT-bigG, 6 for ViT",
		"tune.gradClip":   "1 for tiny, 0 for ResNet, ViT-bigG and ViT",
		"tune.warmup":     "20 for tiny, 5000 (at most 0.075 of steps) for ResNet, ViT-bigG and ViT",
	} {
		e, err := Explain(path)
		if err != nil || e.Default != want {
			t.Errorf("%s: %v, default %s; want %s", path, err, e.Default, want)
		}
		if !strings.Contains(e.Family, "tiny (images under 128 pixels), ResNet (a ResNet), ") {
			t.Errorf("%s: family %s", path, e.Family)
		}
	}
	e, err := Explain("tune.lr")
	if err != nil || !strings.Contains(e.Default, "0.001 of gated-image, ") || !strings.HasSuffix(e.Default, ", for ResNet, ViT-bigG and ViT") {
		t.Errorf("tune.lr: %v, default %s", err, e.Default)
	}
	if e, err := Explain("tune.gamma"); err != nil || e.Family != "" {
		t.Errorf("tune.gamma: %v, family %s", err, e.Family)
	}
}

// TestEveryFieldHasALabel: a field may be an axis of a table, which calls it by package label.
func TestEveryFieldHasALabel(t *testing.T) {
	paths, err := FieldPaths()
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 100 {
		t.Fatalf("only %d paths", len(paths))
	}
	for path := range paths {
		if l, ok := label.Field(strings.ReplaceAll(path, "NAME", "mine")); !ok || len([]rune(l.Short)) > 30 {
			t.Errorf("%s: got %+v, %v", path, l, ok)
		}
	}
}
