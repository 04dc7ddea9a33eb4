package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
)

// listedSet are four images in one folder, and their list.
func listedSet(t *testing.T, name, list string) string {
	t.Helper()
	files := map[string]string{name: list}
	for i, image := range []string{"images/0.png", "images/1.png", "images/2.png", "images/3.png"} {
		files[image] = picture(t, i)
	}
	return put(t, t.TempDir(), files)
}

const (
	fourRows = "images/0.png,dog\nimages/1.png,cat\nimages/2.png,dog\nimages/3.png,cat\n"
	fourTabs = "images/0.png\tdog\nimages/1.png\tcat\nimages/2.png\tdog\nimages/3.png\tcat\n"
)

// TestListNames: the same list under the names and in the forms that people write.
func TestListNames(t *testing.T) {
	jsonl := strings.NewReplacer("images/", `{"file_name": "images/`, ",", `", "label": "`, "\n", "\"}\n").Replace(fourRows)
	for name, list := range map[string]string{
		"metadata.csv": "file_name,label\n" + fourRows, "metadata.jsonl": jsonl, "labels.csv": "Path,ClassId\n" + fourRows,
		"Test.csv": "Image,Label\n" + fourRows, "test.tsv": "filepath\tlabel\n" + fourTabs, "TEST.CSV": "path;label\n" + strings.ReplaceAll(fourRows, ",", ";"),
		"test.jsonl": jsonl, "labels.tsv": "file\tclass\n" + fourTabs, "test.csv": "\ufeffpath,label\r\n" + strings.ReplaceAll(fourRows, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(listedSet(t, name, list))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var labels []int
			for _, item := range s.Items {
				labels = append(labels, item.Label)
			}
			if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !slices.Equal(labels, []int{1, 0, 1, 0}) || s.Layout != "lists" {
				t.Errorf("classes %q, labels %v, layout %s", s.Classes, labels, s.Layout)
			}
		})
	}
}

// TestListOfSplits: one list of all splits, told apart by a column, by folders, or by where it
// lies.
func TestListOfSplits(t *testing.T) {
	images := map[string]string{"train/a.png": picture(t, 1), "train/b.png": picture(t, 2), "test/a.png": picture(t, 3), "test/b.png": picture(t, 4)}
	for name, lists := range map[string]map[string]string{
		"column":    {"labels.csv": "file,label,split\ntrain/a.png,cat,train\ntrain/b.png,dog,train\ntest/a.png,cat,test\ntest/b.png,dog,Test\n"},
		"folders":   {"metadata.csv": "file_name,label\ntrain/a.png,cat\ntrain/b.png,dog\ntest/a.png,cat\ntest/b.png,dog\n"},
		"each":      {"train/metadata.csv": "file_name,label\na.png,cat\nb.png,dog\n", "test/metadata.jsonl": `{"file_name": "a.png", "label": "cat"}` + "\n" + `{"file_name": "b.png", "label": "dog"}`},
		"by number": {"labels.txt": "cat\ndog\n", "labels.csv": "file,label\ntrain/a.png,0\ntrain/b.png,1\ntest/a.png,0\ntest/b.png,1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, put(t, t.TempDir(), images), lists)
			for split, first := range map[string]int{"train": 1, "test": 3} {
				s, err := OpenSplit(dir, Options{Split: split})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if len(s.Items) != 2 || !slices.Equal(s.Classes, []string{"cat", "dog"}) {
					t.Fatalf("%s: %v of %q", split, s.Items, s.Classes)
				}
				for i, item := range s.Items {
					if raw, err := s.Read(i); err != nil || string(raw) != picture(t, first+i) || item.Label != i {
						t.Errorf("%s: item %d has label %d, %v", split, i, item.Label, err)
					}
				}
			}
			if _, err := OpenSplit(dir, Options{Split: "val"}); err == nil || !strings.Contains(err.Error(), `no rows of split "val"`) && !strings.Contains(err.Error(), `no split "val"`) {
				t.Errorf("val: %v", err)
			}
		})
	}
}

func TestTableErrors(t *testing.T) {
	for _, tc := range []struct{ name, file, list, want string }{
		{"label missing", "test.csv", "path,label\nimages/0.png,\n", `test.csv: line 2: path "images/0.png" and label "": neither may be empty`},
		{"path missing", "test.csv", "path,label\n,cat\nimages/0.png,dog\n", `test.csv: line 2: path "" and label "cat": neither may be empty`},
		{"column twice", "test.csv", "path,label,path\na,b,c\n", `test.csv: columns "path" and "path" are both path`},
		{"short row", "test.tsv", "path\tlabel\na.png\n", "test.tsv: line 2: 1 cell, and the first row has 2"},
		{"no object", "test.jsonl", "{}\n[]\n", "test.jsonl: line 2: want "},
		{"outside", "test.csv", "path,label\n../x.png,cat\nimages/0.png,dog\n", "test.csv: line 2: path ../x.png lies outside of the set's folder"},
		{"outside, absolute", "test.csv", "path,label\n/nowhere/x.png,cat\nimages/0.png,dog\n", "test.csv: line 2: path /nowhere/x.png lies outside of the set's folder"},
		{"no names", "metadata.csv", "file_name,label\nimages/0.png,0\nimages/1.png,1\n", "metadata.csv: nothing names the classes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Open(listedSet(t, tc.file, tc.list)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestAbsolutePaths: scripts write absolute paths, and on Windows backslashes.
func TestAbsolutePaths(t *testing.T) {
	dir := listedSet(t, "x", "")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]string{
		"absolute": strings.ReplaceAll(fourRows, "images/", dir+"/images/"), "dots": strings.ReplaceAll(fourRows, "images/", "./images/"),
		"through a link": strings.ReplaceAll(fourRows, "images/", dir+"/images/"), "backslashes": strings.ReplaceAll(fourRows, "/", `\`),
	} {
		put(t, dir, map[string]string{"test.csv": "path,label\n" + list})
		at := dir
		if name == "through a link" {
			at = link
		}
		s, err := Open(at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Items[2] != (Item{"images/2.png", 1}) || s.File(2) != filepath.Join(at, "images/2.png") {
			t.Errorf("%s: %v, %s", name, s.Items[2], s.File(2))
		}
		s.Close()
	}
}

// TestOneClass: what is not understood must not score 100 %.
func TestOneClass(t *testing.T) {
	for _, tc := range []struct{ file, list, want string }{
		{"index.csv", "file_name,label\n" + fourRows, `one class ("images") leaves nothing to measure, and index.csv beside its folder is not read as a list`},
		{"metadata.csv", "file_name,text\nimages/0.png,a dog\n", `one class ("images") leaves nothing to measure, and metadata.csv beside`},
		{"images/note", "", `one class ("images") leaves nothing to measure (images are wanted in a folder for each class`},
		{"test.csv", "path,label\nimages/0.png,cat\nimages/1.png,cat\n", `one class ("cat") leaves nothing to measure`},
	} {
		if _, err := Open(listedSet(t, tc.file, tc.list)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.file, err, tc.want)
		}
	}
	dir := put(t, t.TempDir(), map[string]string{"labels.txt": "cat\n", "test.txt": "a.png 0\n", "a.png": "A"})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "leaves nothing to measure") {
		t.Errorf("a list of one class: %v", err)
	}
}

// TestCaptionsBesideFolders: the hub's metadata may hold captions alone; the folders are the
// classes.
func TestCaptionsBesideFolders(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"metadata.csv": "file_name,text\ncat/0.png,a cat\n", "cat/0.png": "A", "dog/0.png": "B"})
	s, err := Open(dir)
	if err != nil || s.Layout != "folders" || len(s.Items) != 2 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestHiddenFiles: what systems write beside images is no image, no class and no set.
func TestHiddenFiles(t *testing.T) {
	files := map[string]string{"test/cat/0.png": "A", "test/dog/0.png": "B"}
	for _, litter := range []string{"test/cat/._0.png", "test/cat/.DS_Store", "test/dog/Thumbs.db", "test/dog/desktop.ini", "test/.Spotlight/1.png", "test/__MACOSX/cat/1.png", "._metadata.csv", "._test.csv", "__MACOSX/cat/2.png"} {
		files[litter] = "\x00\x05\x16\x07"
	}
	s, err := Open(put(t, t.TempDir(), files))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Items, []Item{{"cat/0.png", 0}, {"dog/0.png", 1}}) {
		t.Errorf("items %v", s.Items)
	}
	raw, err := os.ReadFile("testdata/hub/data/test-00000-of-00002.parquet")
	if err != nil {
		t.Fatal(err)
	}
	dir := put(t, t.TempDir(), map[string]string{"test/0.parquet": string(raw), "test/._0.parquet": "x", ".cache/test-0.parquet": "x"})
	if s, err = Open(dir); err != nil || s.Layout != "parquet" {
		t.Errorf("parquet: %v", err)
	}
}

// TestCodes: class names that are codes are said, with what to do; names are not.
func TestCodes(t *testing.T) {
	for _, tc := range []struct {
		classes  []string
		what, do string
	}{
		{[]string{"cat", "dog"}, "", ""},
		{[]string{"A310", "737-200"}, "", ""},
		{[]string{"n01440764", "dog"}, "", ""},
		{[]string{"n01440764", "n01443537"}, `the 2 classes are called by WordNet ids, such as "n01440764"`, `classnames.json beside the folders, {"n01440764": "tench", ...}, names them`},
		{[]string{"0", "1"}, `the 2 classes are called by numbers, such as "0"`, `classnames.json beside the folders, {"0": "its name", ...}`},
		{[]string{"class_01", "class_02"}, `the 2 classes are called by numbers, such as "class_01"`, `benchmark: "NAME"`},
	} {
		s := &Set{Layout: "folders", Classes: tc.classes}
		if what, do := s.codes(); !strings.HasPrefix(what, tc.what) || !strings.Contains(do, tc.do) || (what == "") != (tc.what == "") {
			t.Errorf("%q: got %q (%q)", tc.classes, what, do)
		}
	}
	whole := &Set{Layout: "folders", Classes: catalogue.WordNetIDs()}
	if _, do := whole.codes(); !strings.HasPrefix(do, `benchmark: "imagenet-1k" gives their names`) {
		t.Errorf("all of ImageNet: %q", do)
	}
	if e, err := catalogue.Find("mnist"); err != nil {
		t.Error(err)
	} else if what, _ := (&Set{Entry: e, Classes: []string{"0", "1"}}).codes(); what != "" {
		t.Errorf("digits of MNIST: %q", what)
	}
}

// TestFolderNames: a file beside folders that are called by codes names them.
func TestFolderNames(t *testing.T) {
	files := map[string]string{"test/n01440764/0.png": "A", "test/n01443537/0.png": "B", "classnames.json": `{"n01443537": ["goldfish", "gold fish"], "n01440764": "tench", "n01484850": "shark"}`}
	dir := put(t, t.TempDir(), files)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Classes, []string{"tench", "goldfish"}) || !slices.Equal(s.Names[1], catalogue.Names{"goldfish", "gold fish"}) {
		t.Errorf("classes %q, names %q", s.Classes, s.Names)
	}
	for list, want := range map[string]string{`{"n01443537": "goldfish"}`: `classnames.json: no name for the folder "n01440764"`, `[]`: "classnames.json: want ", `{"n01440764": " ", "n01443537": "x"}`: "no name for", "\xff": "not UTF-8"} {
		put(t, dir, map[string]string{"classnames.json": list})
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", list, err, want)
		}
	}
}
