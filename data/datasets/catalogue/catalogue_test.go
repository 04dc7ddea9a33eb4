package catalogue

import (
	"slices"
	"strings"
	"testing"
)

func TestCatalogue(t *testing.T) {
	entries, err := read()
	if err != nil {
		t.Fatal(err)
	}
	suites := map[string]int{}
	if len(publishedNotes()) != len(entries) {
		t.Errorf("published.txt has %d entries, the catalogue %d", len(publishedNotes()), len(entries))
	}
	for _, e := range entries {
		for _, s := range e.Suites {
			suites[s]++
		}
		if e.Title == "" || e.Source == "" || e.Licence == "" || len(e.Get) == 0 || e.Metric == "" || e.Splits["test"].Images == 0 {
			t.Errorf("%s: a field is empty", e.Name)
		}
		if e.AsPublished() == "" {
			t.Errorf("%s: published.txt does not say how the authors' files are read", e.Name)
		}
		if e.Kind == "captions" {
			continue
		}
		if len(e.Templates) == 0 || e.NumClasses == 0 {
			t.Errorf("%s: no templates or no classes", e.Name)
		}
		for _, template := range e.Templates {
			if strings.Count(template, "{}") != 1 {
				t.Errorf("%s: template %q", e.Name, template)
			}
		}
		if names := Unique(e.Classes); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
			t.Errorf("%s: classes that tables cannot tell apart", e.Name)
		}
		for _, c := range e.Classes {
			if len(c) == 0 || slices.Contains(c, "") {
				t.Errorf("%s: a class without a name", e.Name)
			}
		}
	}
	if suites["elevater"] != 20 || suites["imagenet"] != 5 || suites["retrieval"] != 2 {
		t.Errorf("suites %v", suites)
	}
}

// TestElevaterFacts compares with the toolkit's resources/datasets/*.yaml and vision_datasets.json,
// as written down by hand.
func TestElevaterFacts(t *testing.T) {
	for name, want := range map[string]struct {
		classes, templates, train, val, test int
		metric                               string
	}{
		"caltech-101": {102, 34, 3060, 0, 6084, "mean-per-class"}, "cifar-10": {10, 18, 50000, 0, 10000, "accuracy"},
		"cifar-100": {100, 18, 50000, 0, 10000, "accuracy"}, "country211": {211, 5, 31650, 10550, 21100, "accuracy"},
		"dtd": {47, 8, 1880, 1880, 1880, "accuracy"}, "eurosat": {10, 3, 5000, 5000, 5000, "accuracy"},
		"fer-2013": {7, 6, 28709, 3589, 3589, "accuracy"}, "fgvc-aircraft": {100, 2, 3334, 3333, 3333, "mean-per-class"},
		"food-101": {101, 1, 75750, 0, 25250, "accuracy"}, "gtsrb": {43, 3, 26640, 12569, 12630, "accuracy"},
		"hateful-memes": {2, 1, 8500, 0, 500, "roc-auc"}, "kitti-distance": {4, 1, 6347, 423, 711, "accuracy"},
		"mnist": {10, 1, 60000, 0, 10000, "accuracy"}, "oxford-flowers-102": {102, 1, 1020, 1020, 6149, "mean-per-class"},
		"oxford-pets": {37, 1, 3680, 0, 3669, "mean-per-class"}, "patch-camelyon": {2, 1, 262144, 32768, 32768, "accuracy"},
		"rendered-sst2": {2, 1, 6920, 827, 1821, "accuracy"}, "resisc45": {45, 18, 3150, 3150, 25200, "accuracy"},
		"stanford-cars": {196, 8, 8144, 0, 8041, "accuracy"}, "voc-2007": {20, 1, 2501, 2510, 4952, "mAP-elevater"},
	} {
		e, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if e.NumClasses != want.classes || len(e.Templates) != want.templates || e.Metric != want.metric || e.Splits["train"].Images != want.train ||
			e.Splits["val"].Images != want.val || e.Splits["test"].Images != want.test {
			t.Errorf("%s: %d classes, %d templates, %s, %v", name, e.NumClasses, len(e.Templates), e.Metric, e.Splits)
		}
	}
	if e, err := Find("eurosat_clip"); err != nil || e.Name != "eurosat" {
		t.Errorf("the toolkit's name finds %v, %v", e, err)
	}
	if _, err := Find("cifar10"); err == nil || !strings.Contains(err.Error(), `no dataset "cifar10" in the catalogue (there are caltech-101, cifar-10,`) {
		t.Errorf("got %v", err)
	}
}

// TestArchives: every line of archives.txt names an entry, a digest and a file.
func TestArchives(t *testing.T) {
	known := 0
	for _, e := range All() {
		for _, a := range e.Archives() {
			known++
			if len(a.MD5) != 32 || strings.Trim(a.MD5, "0123456789abcdef") != "" || a.File == "" {
				t.Errorf("%s: %+v", e.Name, a)
			}
		}
	}
	total := 0
	for _, list := range archives() {
		total += len(list)
	}
	if known != total || known < 20 {
		t.Errorf("%d archives of entries, %d lines", known, total)
	}
}

// TestFolderTable: each line has as many names as its entry has classes, each once.
func TestFolderTable(t *testing.T) {
	for name, p := range folderTable() {
		e, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if !p.numbers && (len(p.names) != e.NumClasses || len(slices.Compact(slices.Sorted(slices.Values(p.names)))) != e.NumClasses) {
			t.Errorf("%s: %d names", name, len(p.names))
		}
	}
}
