package spec

import (
	"strings"
	"testing"
)

// TestEveryFieldIsExplained holds that each value has a comment, words for what is right, and an example that fits; an example as a line of a
// file sets its own field.
func TestEveryFieldIsExplained(t *testing.T) {
	k := contractOf(t)
	for _, section := range append(k.sections, "pool.world", "backbone.pretrain", "backbone.pretrain.augment", "tune.augment") {
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
			if !at.isLeaf() {
				continue
			}
			if f.Value == "" || len(f.Examples) == 0 {
				t.Errorf("%s: value %q, examples %q", f.Path, f.Value, f.Examples)
				continue
			}
			if at.form.value.Exists() && !k.fits(at.form, k.exampleOf(at.node, strings.ReplaceAll(f.Path, "NAME", "*"))) {
				t.Errorf("%s: the example %s does not fit %s", f.Path, f.Examples[0], f.Value)
			}
			for _, line := range f.Examples {
				if v := k.ctx.CompileString(line); v.Err() != nil {
					t.Errorf("%s: %s: %v", f.Path, line, v.Err())
				}
			}
		}
	}
}

// TestExamplesVet puts examples of fields that every file may have into a file that is right.
func TestExamplesVet(t *testing.T) {
	for _, path := range []string{"tune.gamma", "tune.positivesFrom", "tune.augment.crop", "tune.augment.randAugment", "retrieve.by", "pairs.source",
		"index.kind", "tune.lr", "pool.maxBad", "evaluate.prompts", "backbone.pretrain.checkpoint.every", "backbone.imageSize"} {
		e, err := Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(small, "world: world:", "mine: world:")
		text = strings.ReplaceAll(strings.ReplaceAll(text, `"world"`, `"mine"`), "pool:world", "pool:mine")
		for _, line := range e.Examples[1:] {
			if _, err := Parse("x.cue", []byte(text+line), Options{}); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if _, err := Parse("x.cue", []byte(text), Options{Sets: []string{e.Set}}); err != nil {
			t.Errorf("--set %s: %v", e.Set, err)
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

func TestFormatKeepsComments(t *testing.T) {
	got, err := Format("x.cue", []byte("// what\nname:   \"x\" // beside\n\n\ntune: {mode:\"full\"\n// above\nsteps: 3}\n"))
	want := "// what\nname: \"x\" // beside\n\ntune: {mode: \"full\"\n\t// above\n\tsteps: 3\n}\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
	if _, err := Format("x.cue", []byte("name: {\n")); err == nil || !strings.HasPrefix(err.Error(), "x.cue:1:7: syntax: { is not closed") {
		t.Errorf("got %v", err)
	}
}
