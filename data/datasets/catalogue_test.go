package datasets

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	stdimage "image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pixel is a PNG of one pixel.
var pixel = sync.OnceValue(func() string {
	var buf bytes.Buffer
	if err := png.Encode(&buf, stdimage.NewRGBA(stdimage.Rect(0, 0, 1, 1))); err != nil {
		panic(err)
	}
	return buf.String()
})

// picture is a PNG whose bytes are those of no other number: decoders stop before the end.
func picture(_ testing.TB, number int) string { return pixel() + fmt.Sprint(number) }

func TestCatalogue(t *testing.T) {
	entries, err := readCatalogue()
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
		if names := unique(e.Classes); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
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

// TestElevaterFacts compares with the toolkit's resources/datasets/*.yaml and vision_datasets.json, as written down by hand.
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

// zipped is a zip of files, with names and contents in turn.
func zipped(t testing.TB, files ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// elevaterFolder makes a folder as the toolkit downloads it, with an image of each class in each split.
func elevaterFolder(t testing.TB, e *Entry) string {
	files := map[string]string{}
	number := 0
	for split, s := range e.Splits {
		var index strings.Builder
		var members []string
		coco := map[string]any{}
		var images, annotations, categories []any
		for c := range e.Classes {
			member := fmt.Sprintf("some folder/%d.png", c)
			members = append(members, member, picture(t, number))
			number++
			fmt.Fprintf(&index, "%s.zip@%s %d\n", split, member, c)
			images = append(images, map[string]any{"id": c + 7, "file_name": member, "zip_file": split + ".zip"})
			annotations = append(annotations, map[string]any{"id": c, "image_id": c + 7, "category_id": c + 1})
			categories = append(categories, map[string]any{"id": c + 1, "name": e.Classes[c][0]})
		}
		files[split+".zip"] = zipped(t, members...)
		files[s.Index] = index.String()
		if strings.HasSuffix(s.Index, ".json") {
			coco["images"], coco["annotations"], coco["categories"] = images, annotations, categories
			raw, err := json.Marshal(coco)
			if err != nil {
				t.Fatal(err)
			}
			files[s.Index] = string(raw)
		}
	}
	var labels []string
	for i := range e.Classes {
		labels = append(labels, fmt.Sprintf("other wording %d", i))
	}
	if len(labels) > 2 {
		labels[2] = strings.ToUpper(e.Classes[2][0])
	}
	if !strings.HasSuffix(e.Splits["test"].Index, ".json") {
		files["labels.txt"] = strings.Join(labels, "\n")
	}
	return put(t, t.TempDir(), files)
}

// TestElevaterLayouts opens each of the 20 sets in the toolkit's layout and in CLIP_benchmark's.
func TestElevaterLayouts(t *testing.T) {
	for _, e := range Catalogue() {
		if !slices.Contains(e.Suites, "elevater") {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dir := elevaterFolder(t, e)
			for split := range e.Splits {
				s, err := OpenSplit(dir, Options{Split: split, Entry: e})
				if err != nil {
					t.Fatal(err)
				}
				checkInOrder(t, s, e)
				if e.Kind == "multi-label" && !slices.Equal(s.Many[3], []int{3}) {
					t.Errorf("labels of image 3: %v", s.Many[3])
				}
				if raw, err := s.Read(len(s.Items) - 1); err != nil || !strings.HasPrefix(string(raw), "\x89PNG") {
					t.Errorf("image: %.8q, %v", raw, err)
				}
				s.Close()
			}
			r, err := Check(context.Background(), dir, CheckOptions{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			strangers := 0
			for _, f := range r.Findings {
				if e.NumClasses == 2 && strings.Contains(f.What, `no class is called as in`) {
					strangers++
					continue
				}
				if !strings.Contains(f.What, fmt.Sprintf("%d images, and %s has %d", e.NumClasses, e.Name, e.Splits[f.Split].Images)) {
					t.Errorf("finding %v", f)
				}
			}
			if len(r.Findings)-strangers != len(e.Splits) || len(r.Splits) != len(e.Splits) {
				t.Errorf("%d findings for %d splits", len(r.Findings), len(e.Splits))
			}
			s, err := OpenSplit(tarsOf(t, e, unique(e.Classes)), Options{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			checkInOrder(t, s, e)
			s.Close()
		})
	}
}

func checkInOrder(t *testing.T, s *Set, e *Entry) {
	t.Helper()
	if len(s.Items) != e.NumClasses || len(s.Names) != e.NumClasses || !slices.Equal(s.Templates, e.Templates) {
		t.Fatalf("%d items, %d classes, %d templates", len(s.Items), len(s.Names), len(s.Templates))
	}
	for i, item := range s.Items {
		if item.Label != i {
			t.Errorf("item %d has label %d", i, item.Label)
		}
	}
}

// tarsOf makes a folder in CLIP_benchmark's layout, an image a class.
func tarsOf(t testing.TB, e *Entry, names []string) string {
	var members []string
	for c := range names {
		members = append(members, fmt.Sprintf("s%07d.png", c), picture(t, c), fmt.Sprintf("s%07d.cls", c), fmt.Sprint(c))
	}
	return put(t, t.TempDir(), map[string]string{"classnames.txt": strings.Join(names, "\n"), "test/nshards.txt": "1", "test/0.tar": pack(t, members...)})
}

// TestFoldersByName: folders are matched with the entry's names, whatever their order.
func TestFoldersByName(t *testing.T) {
	e, _ := Find("eurosat")
	files := map[string]string{}
	for i, c := range e.Classes {
		files["test/"+strings.ToUpper(strings.ReplaceAll(c[0], " ", "_"))+"/x.png"] = picture(t, i)
	}
	dir := put(t, t.TempDir(), files)
	s, err := OpenSplit(dir, Options{Entry: e})
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range s.Items {
		if raw, _ := s.Read(i); string(raw) != picture(t, item.Label) {
			t.Errorf("%s has label %d", item.Key, item.Label)
		}
	}
	if err := os.Rename(filepath.Join(dir, "test", strings.ToUpper(strings.ReplaceAll(e.Classes[4][0], " ", "_"))), filepath.Join(dir, "test", "swamp")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSplit(dir, Options{Entry: e}); err == nil || !strings.Contains(err.Error(), `folder "swamp" is none of the classes of eurosat`) {
		t.Errorf("got %v", err)
	}
}

// TestImageNetFolders: ImageNet's family, folders named by WordNet ids and by labels.
func TestImageNetFolders(t *testing.T) {
	ids := wordNetIDs()
	dirs := map[string]string{}
	for _, name := range []string{"imagenet-1k", "imagenet-v2", "imagenet-sketch", "imagenet-a", "imagenet-r"} {
		e, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		files := map[string]string{}
		for i := 0; i < 1000; i += 1000 / e.NumClasses {
			folder := ids[i]
			if e.Folders == "index" {
				folder = fmt.Sprint(i)
			}
			files[folder+"/a.JPEG"] = fmt.Sprint(i)
			want = append(want, i)
		}
		layout := fmt.Sprint(e.Folders, e.NumClasses) // ImageNet-1K's folder is ImageNet-Sketch's too
		if dirs[layout] == "" {
			dirs[layout] = put(t, t.TempDir(), files)
		}
		dir := dirs[layout]
		s, err := OpenSplit(dir, Options{Entry: e})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		imagenet, _ := Find("imagenet-1k")
		for i, item := range s.Items {
			raw, _ := s.Read(i)
			if class := want[item.Label]; string(raw) != fmt.Sprint(class) || s.Names[item.Label][0] != imagenet.Classes[class][0] {
				t.Fatalf("%s: %s is class %q of folder %s", name, item.Key, s.Names[item.Label], raw)
			}
		}
		if len(s.Items) != e.NumClasses || len(s.Templates) != 80 {
			t.Errorf("%s: %d items, %d templates", name, len(s.Items), len(s.Templates))
		}
		lost := filepath.Dir(s.images.(fileImages)[5])
		if err := os.Rename(lost, filepath.Join(dir, ".lost")); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSplit(dir, Options{Entry: e}); err == nil {
			t.Errorf("%s: a folder less is not noticed", name)
		}
		if err := os.Rename(filepath.Join(dir, ".lost"), lost); err != nil {
			t.Fatal(err)
		}
	}
}
