package evaluate

import (
	"testing"

	"react/data/coco"
	"react/data/datasets/catalogue"
)

// TestCategoriesInPrompts: a benchmark's categories have its names, others their own in plain words.
func TestCategoriesInPrompts(t *testing.T) {
	set := &coco.Set{Categories: []coco.Category{{Name: "crab_(animal)"}, {Name: "hot dog"}}}
	for _, benchmark := range []string{"", "coco-detection"} {
		entry, err := benchmarkOf(benchmark)
		if err != nil {
			t.Fatal(err)
		}
		names := categoryNames(set, entry)
		if names[0][0] != "crab animal" || names[1][0] != "hot dog" {
			t.Errorf("%q: %v", benchmark, names)
		}
	}
	if _, err := benchmarkOf("cifar-10"); err == nil {
		t.Error("cifar-10 has no boxes")
	}
}

// TestGroupsOfCOCO: the 48 classes that open-vocabulary detectors train on, and the 17 new ones.
func TestGroupsOfCOCO(t *testing.T) {
	entry, err := catalogue.FindDense("coco-ovd")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, group := range groupsOf(entry) {
		count[group]++
	}
	if count["base"] != 48 || count["novel"] != 17 || len(count) != 2 {
		t.Errorf("%v", count)
	}
	if groupsOf(nil) != nil {
		t.Error("groups of no benchmark")
	}
}
