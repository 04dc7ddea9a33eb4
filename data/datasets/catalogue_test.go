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

	"react/data/datasets/catalogue"
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

// elevaterFolder makes a folder as the toolkit downloads it, with an image of each class in each
// split.
func elevaterFolder(t testing.TB, e *catalogue.Entry) string {
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
	for _, e := range catalogue.All() {
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
			s, err := OpenSplit(tarsOf(t, e, catalogue.Unique(e.Classes)), Options{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			checkInOrder(t, s, e)
			s.Close()
		})
	}
}

func checkInOrder(t *testing.T, s *Set, e *catalogue.Entry) {
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
func tarsOf(t testing.TB, e *catalogue.Entry, names []string) string {
	var members []string
	for c := range names {
		members = append(members, fmt.Sprintf("s%07d.png", c), picture(t, c), fmt.Sprintf("s%07d.cls", c), fmt.Sprint(c))
	}
	return put(t, t.TempDir(), map[string]string{"classnames.txt": strings.Join(names, "\n"), "test/nshards.txt": "1", "test/0.tar": pack(t, members...)})
}

// TestFoldersByName: folders are matched with the entry's names, whatever their order.
func TestFoldersByName(t *testing.T) {
	e, _ := catalogue.Find("eurosat")
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
	ids := catalogue.WordNetIDs()
	dirs := map[string]string{}
	for _, name := range []string{"imagenet-1k", "imagenet-v2", "imagenet-sketch", "imagenet-a", "imagenet-r"} {
		e, err := catalogue.Find(name)
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
		// ImageNet-1K's folder is ImageNet-Sketch's too
		layout := fmt.Sprint(e.Folders, e.NumClasses)
		if dirs[layout] == "" {
			dirs[layout] = put(t, t.TempDir(), files)
		}
		dir := dirs[layout]
		s, err := OpenSplit(dir, Options{Entry: e})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		imagenet, _ := catalogue.Find("imagenet-1k")
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
