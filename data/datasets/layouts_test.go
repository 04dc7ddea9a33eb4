package datasets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
)

// TestHubParquet reads what pyarrow wrote (testdata/make.py): two files of several row groups.
func TestHubParquet(t *testing.T) {
	s, err := Open("testdata/hub")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !slices.Equal(s.Classes, []string{"red cat", "dog", "été"}) {
		t.Errorf("classes %q", s.Classes)
	}
	var labels []int
	for _, item := range s.Items {
		labels = append(labels, item.Label)
	}
	if !slices.Equal(labels, []int{2, 0, 1, 1, 0, 2, 2}) {
		t.Errorf("labels %v", labels)
	}
	seen := map[string]bool{}
	for _, i := range []int{6, 0, 3, 2, 5, 1, 4, 0} { // any order
		raw, err := s.Read(i)
		if err != nil || !strings.HasPrefix(string(raw), "\x89PNG") {
			t.Fatalf("image %d: %.8q, %v", i, raw, err)
		}
		seen[string(raw)] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d different images, want 7", len(seen))
	}
}

// TestHubConfiguration: the files of a configuration lie in its folder; those of two are not one
// set.
func TestHubConfiguration(t *testing.T) {
	var parts [2]string
	for i := range parts {
		raw, err := os.ReadFile(fmt.Sprintf("testdata/hub/data/test-0000%d-of-00002.parquet", i))
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = string(raw)
	}
	dir := put(t, t.TempDir(), map[string]string{"plain_text/test-00000-of-00002.parquet": parts[0], "plain_text/test-00001-of-00002.parquet": parts[1], "README.md": "# A dataset"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Items) != 7 || s.Layout != "parquet" {
		t.Errorf("%d items, %s", len(s.Items), s.Layout)
	}
	s.Close()
	put(t, dir, map[string]string{"other/test-00000-of-00001.parquet": parts[0]})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "several configurations, other and plain_text: name the folder of one") {
		t.Errorf("got %v", err)
	}
}

// TestFoldersOfFolders says where images were looked for.
func TestFoldersOfFolders(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"images/apple_pie/1.jpg": "x", "meta/test.txt": "apple_pie/1"})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "no images: "+filepath.Join(dir, "images")+" holds folders (images are wanted in a folder for each class") {
		t.Errorf("got %v", err)
	}
}

func TestParquetErrors(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"test-00000-of-00001.parquet": "PAR1 no"})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "test-00000-of-00001.parquet") {
		t.Errorf("got %v", err)
	}
}

// ilsvrc makes the devkit and the first images, in a folder or in the tar.
func ilsvrc(t *testing.T, inTar bool) (string, []int) {
	meta, err := os.ReadFile("testdata/meta.mat")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/meta.json")
	if err != nil {
		t.Fatal(err)
	}
	var order []int // order[id-1] is the label
	if err := json.Unmarshal(raw, &order); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{ilsvrcDevkit + "/" + ilsvrcMeta: string(meta)}
	var labels strings.Builder
	var members []string
	var want []int
	for i := range 8 {
		id := 1 + (i*7)%20
		fmt.Fprintln(&labels, id)
		want = append(want, order[id-1])
		if inTar {
			members = append(members, ilsvrcImage(i+1), fmt.Sprint("image ", i))
		} else {
			files["val/"+ilsvrcImage(i+1)] = fmt.Sprint("image ", i)
		}
	}
	files[ilsvrcDevkit+"/"+ilsvrcLabels] = labels.String()
	if inTar {
		files[ilsvrcTar] = pack(t, members...)
	}
	return put(t, t.TempDir(), files), want
}

func TestILSVRC(t *testing.T) {
	e, _ := catalogue.Find("imagenet-1k")
	for _, inTar := range []bool{false, true} {
		dir, want := ilsvrc(t, inTar)
		s, err := openLayout(dir, Options{Split: "test", Entry: e}) // eight images are no whole set
		if err != nil {
			t.Fatal(err)
		}
		for i, item := range s.Items {
			raw, err := s.Read(i)
			if err != nil || item.Label != want[i] || string(raw) != fmt.Sprint("image ", i) {
				t.Errorf("item %d: label %d, want %d; %q, %v", i, item.Label, want[i], raw, err)
			}
		}
		s.Close()
		if _, err := OpenSplit(dir, Options{Entry: e}); err == nil || !strings.Contains(err.Error(), "has no images") {
			t.Errorf("a class without images: %v", err)
		}
	}
	dir, _ := ilsvrc(t, false)
	if err := os.Remove(filepath.Join(dir, "val", ilsvrcImage(3))); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSplit(dir, Options{Entry: e}); err == nil || !strings.Contains(err.Error(), "1 of 8 validation images are not there, the first is") {
		t.Errorf("got %v", err)
	}
}

func TestCSV(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{
		"train.csv": "path,label\nimages/a b.png,dog\nimages/c.png,cat\n", "test.csv": "\ufeffLabel;File\r\ncat;images/d.png\r\n dog ;images/e.png\r\n",
		"images/a b.png": "A", "images/c.png": "C", "images/d.png": "D", "images/e.png": "E",
	})
	for split, want := range map[string][]Item{"train": {{"images/a b.png", 1}, {"images/c.png", 0}}, "test": {{"images/d.png", 0}, {"images/e.png", 1}}} {
		s, err := OpenSplit(dir, Options{Split: split})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Items, want) || !slices.Equal(s.Classes, []string{"cat", "dog"}) || s.Layout != "lists" {
			t.Errorf("%s: %v %v", split, s.Items, s.Classes)
		}
	}
	if _, err := OpenSplit(dir, Options{Split: "val"}); err == nil || !strings.Contains(err.Error(), `no split "val"`) {
		t.Errorf("got %v", err)
	}
}

// TestManyLabels: vision-datasets' lines with several labels, and one image without any.
func TestManyLabels(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"labels.txt": "cat\ndog\nfish\n", "test.txt": "a.png 0,2\nb.png 1\n", "a.png": "A", "b.png": "B"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(s.Many, [][]int{{0, 2}, {1}}, slices.Equal) {
		t.Errorf("labels %v", s.Many)
	}
	if counts, err := s.Support(); err != nil || !slices.Equal(counts, []int{1, 1, 1}) {
		t.Errorf("support %v, %v", counts, err)
	}
}

func TestListErrors(t *testing.T) {
	base := map[string]string{"labels.txt": "cat\ndog\n", "test.txt": "a.png 0\nz.zip@b.png 1\n", "a.png": "A", "z.zip": zipped(t, "b.png", "B")}
	for _, tc := range []struct{ name, file, body, want string }{
		{"label", "test.txt", "a.png cat\n", `test.txt: line 1: label "cat" is not a number`},
		{"range", "test.txt", "a.png 0\nz.zip@b.png 2\n", "label 2 is not one of 2 classes"},
		{"negative", "test.txt", "a.png 0\nz.zip@b.png -1\n", "label -1 is not one of 2 classes"},
		{"missing", "test.txt", "a.png 0\nb.png 1\n", "1 of 2 listed images are not there, the first is b.png"},
		{"not in zip", "test.txt", "a.png 0\nz.zip@c.png 1\n", "1 of 2 listed images are not there, the first is z.zip@c.png"},
		{"no zip", "z.zip", "no zip", "listed images are not there"},
		{"class twice", "labels.txt", "cat\ncat\n", `class "cat" is also on line 1`},
		{"empty class", "labels.txt", "cat\ndog\nfish\n", `class 2 ("fish") has no images`},
		{"csv header", "test.csv", "a,b\n", `test.csv: line 1: columns ["a" "b"]: want one for the file (such as path) and one for the label (such as label)`},
		{"csv label", "test.csv", "path,label\na.png,fish\n", `test.csv: line 2: "fish" is none of 2 classes`},
		{"csv no label", "test.csv", "path,label\na.png,0\nz.zip@b.png, \n", `test.csv: line 3: path "z.zip@b.png" and label "": neither may be empty`},
		{"csv column twice", "test.csv", "path,label,Label\na.png,0,1\n", `columns "label" and "Label" are both label`},
		{"csv encoding", "test.csv", "path,label\nb\xe9.png,0\n", `test.csv: not UTF-8`},
		{"csv open quote", "test.csv", "path,label\na.png,\"cat\nz.zip@b.png,dog\n", `test.csv: line 2: a quote inside a cell, or one that does not end`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := put(t, t.TempDir(), base)
			put(t, dir, map[string]string{tc.file: tc.body})
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestSplitFolders: a class may be called train.
func TestSplitFolders(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"train/cat/1.png": "1", "train/train/2.png": "2", "val/cat/3.png": "3", "val/train/4.png": "4"})
	for split, want := range map[string]string{"train": "1", "val": "3", "test": "3"} {
		s, err := OpenSplit(dir, Options{Split: split})
		if err != nil {
			t.Fatal(err)
		}
		if raw, _ := s.Read(0); string(raw) != want || !slices.Equal(s.Classes, []string{"cat", "train"}) {
			t.Errorf("%s: %q %v", split, raw, s.Classes)
		}
	}
	dir = put(t, t.TempDir(), map[string]string{"train/1.png": "1", "bus/2.png": "2"})
	if s, err := Open(dir); err != nil || !slices.Equal(s.Classes, []string{"bus", "train"}) {
		t.Errorf("a class called train: %v", err)
	}
	dir = put(t, t.TempDir(), map[string]string{"train/cat/1.png": "1"})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), `no split "test"`) {
		t.Errorf("train alone serves as test: %v", err)
	}
}

// captioned makes Flickr30K or COCO in Karpathy's layout: n images of five captions each, in three
// splits.
func captioned(t *testing.T, e *catalogue.Entry) string {
	var images []any
	files := map[string]string{}
	folders := map[string]string{"train": "train2014", "restval": "val2014", "val": "val2014", "test": "val2014"}
	if e.Name == "flickr30k" {
		folders = map[string]string{"train": "", "val": "", "test": ""}
	}
	for i, split := range []string{"train", "restval", "val", "test", "test"} {
		folder, ok := folders[split]
		if !ok {
			continue
		}
		name := fmt.Sprintf("%d.png", i)
		var sentences []any
		for j := range 5 {
			sentences = append(sentences, map[string]any{"raw": fmt.Sprintf(" caption %d of %d", j, i)})
		}
		images = append(images, map[string]any{"filename": name, "filepath": folder, "split": split, "sentences": sentences})
		if folder == "" {
			folder = "flickr30k-images"
		}
		files[folder+"/"+name] = picture(t, i)
	}
	raw, err := json.Marshal(map[string]any{"images": images, "dataset": e.Name})
	if err != nil {
		t.Fatal(err)
	}
	files[e.Splits["test"].Index] = string(raw)
	return put(t, t.TempDir(), files)
}

func TestKarpathy(t *testing.T) {
	for name, want := range map[string]map[string]int{"flickr30k": {"train": 1, "val": 1, "test": 2}, "mscoco": {"train": 2, "val": 1, "test": 2}} {
		e, _ := catalogue.Find(name)
		dir := captioned(t, e)
		for split, n := range want {
			c, err := OpenCaptions(dir, Options{Split: split, Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Keys) != n || c.NumTexts() != 5*n || c.Layout != "karpathy" || !strings.HasPrefix(c.Texts[0][0], "caption 0 of") {
				t.Errorf("%s %s: %d images, %d captions, %q", name, split, len(c.Keys), c.NumTexts(), c.Texts[0][0])
			}
			if _, err := c.Read(n - 1); err != nil {
				t.Error(err)
			}
		}
		r, err := Check(context.Background(), dir, CheckOptions{Entry: e})
		if err != nil || len(r.Findings) != 4 || !strings.Contains(fmt.Sprint(r.Findings), fmt.Sprintf("10 captions, and %s has %d", name, e.Splits["test"].Captions)) {
			t.Errorf("%v %v", r.Findings, err)
		}
	}
}

func TestCaptionErrors(t *testing.T) {
	list := `{"images": [{"filename": "a.png", "filepath": "x", "split": "test", "sentences": %s}]}`
	for _, tc := range []struct{ name, list, image, want string }{
		{"no image", fmt.Sprintf(list, `[{"raw": "a"}]`), "b.png", `dataset_x.json: 1 of 1 images of split "test" are not there, the first is x/a.png`},
		{"no captions", fmt.Sprintf(list, `[]`), "x/a.png", "image a.png has no captions"},
		{"empty caption", fmt.Sprintf(list, `[{"raw": " "}]`), "x/a.png", "image a.png has an empty caption"},
		{"no list", `{`, "x/a.png", "dataset_x.json: the file ends inside its JSON"},
		{"a list", `[{"file": "a.png"}]`, "x/a.png", `dataset_x.json: want {"images": [...]} (Karpathy's lists), got a list`},
		{"sentences", fmt.Sprintf(list, `["a"]`), "x/a.png", `dataset_x.json: images[0].sentences[0]: want {"raw": ...}, got "a"`},
		{"no split", strings.ReplaceAll(fmt.Sprintf(list, `[{"raw": "a"}]`), "test", "val"), "x/a.png", `no images in split "test"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := put(t, t.TempDir(), map[string]string{"dataset_x.json": tc.list, tc.image: "A"})
			if _, err := OpenCaptions(dir, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := OpenCaptions(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "neither dataset_NAME.json nor test/nshards.txt") {
		t.Errorf("got %v", err)
	}
}

func TestCaptionTars(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"test/nshards.txt": "2", "test/0.tar": pack(t, "a.jpg", "A", "a.txt", "one\ntwo\n"), "test/1.tar": pack(t, "b.txt", "three", "b.jpg", "B")})
	c, err := OpenCaptions(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !slices.EqualFunc(c.Texts, [][]string{{"one", "two"}, {"three"}}, slices.Equal) {
		t.Errorf("captions %q", c.Texts)
	}
	if raw, err := c.Read(1); err != nil || string(raw) != "B" {
		t.Errorf("%q %v", raw, err)
	}
}

// TestCheck names unreadable images and those that two splits share.
func TestCheck(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{
		"train/cat/1.png": picture(t, 1), "train/dog/2.png": picture(t, 2), "test/cat/3.png": "no image", "test/cat/same.png": picture(t, 1), "test/dog/4.png": picture(t, 4),
	})
	r, err := Check(context.Background(), dir, CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.String())
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "test: image cat/3.png: ") || got[1] != "test: 1 images are in an earlier split too: cat/same.png is also train cat/1.png (a model that is trained on one is not tested by the other)" {
		t.Errorf("findings %q", got)
	}
	if len(r.Splits) != 2 || r.Splits[1].Images != 3 || r.Splits[1].Unreadable != 1 || r.Splits[1].Layout != "folders" {
		t.Errorf("splits %+v", r.Splits)
	}
	train, err := OpenSplit(dir, Options{Split: "train"})
	if err != nil {
		t.Fatal(err)
	}
	test, err := OpenSplit(dir, Options{Split: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if shared, err := Shared(train, test); err != nil || !slices.Equal(shared, [][2]int{{0, 1}}) {
		t.Errorf("shared %v, %v", shared, err)
	}
	e, _ := catalogue.Find("mnist")
	if r, err = Check(context.Background(), t.TempDir(), CheckOptions{Entry: e}); err != nil || len(r.Findings) != 2 || !strings.Contains(r.Findings[0].Do, "runner data show mnist") {
		t.Errorf("an empty folder: %v, %v", r.Findings, err)
	}
}

// TestILSVRCTrain: the tar of tars as published, in the order of unpacked folders; classes that are
// not there, and members that are none.
func TestILSVRCTrain(t *testing.T) {
	e, _ := catalogue.Find("imagenet-1k")
	ids := catalogue.WordNetIDs()
	dir := put(t, t.TempDir(), map[string]string{ilsvrcTrain: pack(t,
		ids[7]+".tar", pack(t, ids[7]+"_2.JPEG", "seven two", ids[7]+"_10.JPEG", "seven ten"),
		ids[2]+".tar", pack(t, ids[2]+"_5.JPEG", "two"))})
	s, err := openLayout(dir, Options{Split: "train", Entry: e})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := []Item{{ids[2] + "/" + ids[2] + "_5.JPEG", 2}, {ids[7] + "/" + ids[7] + "_10.JPEG", 7}, {ids[7] + "/" + ids[7] + "_2.JPEG", 7}}
	if !slices.Equal(s.Items, want) {
		t.Errorf("items %v", s.Items)
	}
	for i, text := range []string{"two", "seven ten", "seven two"} {
		if raw, err := s.Read(i); err != nil || string(raw) != text {
			t.Errorf("item %d: %q, %v", i, raw, err)
		}
	}
	if _, err := OpenSplit(dir, Options{Split: "train", Entry: e}); err == nil || !strings.Contains(err.Error(), "has no images") {
		t.Errorf("classes without images: %v", err)
	}
	dir = put(t, t.TempDir(), map[string]string{ilsvrcTrain: pack(t, "n00000001.tar", pack(t, "a.JPEG", "a"))})
	if _, err := OpenSplit(dir, Options{Split: "train", Entry: e}); err == nil || !strings.Contains(err.Error(), "member n00000001.tar is no class of ImageNet-1K") {
		t.Errorf("got %v", err)
	}
	dir = put(t, t.TempDir(), map[string]string{ilsvrcTrain: pack(t, ids[0]+".tar", "no tar, but long enough to be read as a header"+strings.Repeat(".", 600))})
	if _, err := OpenSplit(dir, Options{Split: "train", Entry: e}); err == nil || !strings.Contains(err.Error(), ilsvrcTrain+": member "+ids[0]+".tar: ") {
		t.Errorf("got %v", err)
	}
}

// TestWebdatasets opens every entry of the catalogue in CLIP_benchmark's layout.
func TestWebdatasets(t *testing.T) {
	imagenet, _ := catalogue.Find("imagenet-1k")
	for _, e := range catalogue.All() {
		if e.Kind == "captions" {
			dir := put(t, t.TempDir(), map[string]string{"test/nshards.txt": "1", "test/0.tar": pack(t, "s0.jpg", picture(t, 0), "s0.txt", "one\ntwo\nthree\nfour\nfive", "s1.jpg", picture(t, 1), "s1.txt", "six")})
			c, err := OpenCaptions(dir, Options{Entry: e})
			if err != nil {
				t.Fatalf("%s: %v", e.Name, err)
			}
			if len(c.Keys) != 2 || c.NumTexts() != 6 || c.Layout != "webdataset" {
				t.Errorf("%s: %d images, %d captions", e.Name, len(c.Keys), c.NumTexts())
			}
			c.Close()
			continue
		}
		names := catalogue.Unique(e.Classes)
		if len(names) == 0 { // a part of ImageNet's classes, in its order
			names = catalogue.Unique(imagenet.Classes)[300 : 300+e.NumClasses]
		}
		s, err := OpenSplit(tarsOf(t, e, names), Options{Entry: e})
		if err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		checkInOrder(t, s, e)
		if last := len(names) - 1; !strings.HasPrefix(names[last], s.Names[last][0]) {
			t.Errorf("%s: class %d is %q, in the files %q", e.Name, last, s.Names[last], names[last])
		}
		s.Close()
	}
}

// TestCheckComparesArchives: a file that is another than the published one is named.
func TestCheckComparesArchives(t *testing.T) {
	e, _ := catalogue.Find("mnist")
	dir := put(t, t.TempDir(), map[string]string{"t10k-labels-idx1-ubyte.gz": "cut"})
	r, err := Check(context.Background(), dir, CheckOptions{Entry: e})
	if err != nil || len(r.Findings) == 0 || r.Findings[0].String() != "file t10k-labels-idx1-ubyte.gz has MD5 fe47aa7c733c490d36e80508d5dc4019, and the published one ec29112dd5afa0611ce80d1b7f02629c (fetch it again)" {
		t.Errorf("%v %v", r.Findings, err)
	}
}
