package catalogue

import (
	"slices"
	"strings"
	"testing"

	"react/data/labelmap"
)

// TestDenseCatalogue: every entry is whole, and its names, splits and scheme fit its classes.
func TestDenseCatalogue(t *testing.T) {
	entries, err := readDense()
	if err != nil {
		t.Fatal(err)
	}
	schemes := map[string]bool{}
	for _, e := range entries {
		if e.Title == "" || e.Source == "" || e.Licence == "" || len(e.Get) == 0 || len(e.Splits) == 0 {
			t.Errorf("%s: a field is empty", e.Name)
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(e.ClassNames()))); len(unique) != len(e.Classes) {
			t.Errorf("%s: %d classes have %d names", e.Name, len(e.Classes), len(unique))
		}
		for label, name := range e.Names {
			if !slices.Contains(e.Classes, label) || name == label {
				t.Errorf("%s: %q is named %q", e.Name, label, name)
			}
		}
		for _, class := range slices.Concat(e.Base, e.Novel) {
			if !slices.Contains(e.Classes, class) || slices.Contains(e.Base, class) == slices.Contains(e.Novel, class) {
				t.Errorf("%s: %q is no class, or both base and novel", e.Name, class)
			}
		}
		switch s, err := labelmap.SchemeOf(e.Name); {
		case e.Kind == "segmentation" && (err != nil || s.Classes != len(e.Classes)):
			t.Errorf("%s: %d classes, and the label maps have %d: %v", e.Name, len(e.Classes), s.Classes, err)
		case e.Kind == "segmentation":
			schemes[e.Name] = true
		case e.Kind != "detection":
			t.Errorf("%s: kind %q", e.Name, e.Kind)
		}
	}
	for _, name := range labelmap.Schemes() {
		if !schemes[name] {
			t.Errorf("scheme %s has no entry", name)
		}
	}
}

// TestDenseFacts compares with the papers and their code, as written down by hand.
func TestDenseFacts(t *testing.T) {
	for name, want := range map[string]struct{ classes, renamed, base, novel, templates int }{
		"coco-detection": {80, 0, 48, 17, 81}, "lvis-v1": {0, 0, 0, 0, 81}, "voc-2007-detection": {20, 4, 0, 0, 81},
		"coco-stuff": {171, 29, 0, 0, 85}, "pascal-context-59": {59, 3, 0, 0, 85}, "pascal-context-60": {60, 3, 0, 0, 85},
		"voc-20": {20, 4, 0, 0, 85}, "voc-21": {21, 4, 0, 0, 85}, "ade20k-150": {150, 0, 0, 0, 85},
	} {
		e, err := FindDense(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Classes) != want.classes || len(e.Names) != want.renamed || len(e.Base) != want.base ||
			len(e.Novel) != want.novel || len(e.Templates()) != want.templates {
			t.Errorf("%s: %d classes, %d renamed, %d base, %d novel, %d templates", name, len(e.Classes), len(e.Names),
				len(e.Base), len(e.Novel), len(e.Templates()))
		}
		for _, template := range e.Templates() {
			if strings.Count(template, "{}") != 1 {
				t.Errorf("%s: template %q", name, template)
			}
		}
	}
	stuff, _ := FindDense("coco-stuff164k")
	if at := slices.Index(stuff.Classes, "wall-brick"); stuff.ClassNames()[at] != "brick wall" || at != 159 {
		t.Errorf("class %d is called %q", at, stuff.ClassNames()[at])
	}
	if got := CategoryName("control,_(for_aircraft)+gear"); got != "control for aircraft gear" {
		t.Errorf("got %q", got)
	}
	if _, err := FindDense("coco"); err == nil || !strings.Contains(err.Error(), "(there are ade20k-150, coco-detection,") {
		t.Error(err)
	}
}
