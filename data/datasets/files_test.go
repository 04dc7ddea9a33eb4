package datasets

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
)

// splitFolder is a set with a training and a test split.
type splitFolder struct {
	dir      string
	entry    *catalogue.Entry
	captions bool
	others   []string // files that the test split does not need
}

// splitFolders are some of each layout, with what else lies in such folders.
func splitFolders(t *testing.T) map[string]splitFolder {
	hub, err := os.ReadFile("testdata/hub/data/test-00000-of-00002.parquet")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("testdata/hub/data/test-00001-of-00002.parquet")
	if err != nil {
		t.Fatal(err)
	}
	made := func(files map[string]string) string { return put(t, t.TempDir(), files) }
	imagenet, _ := catalogue.Find("imagenet-1k")
	val, _ := ilsvrc(t, false)
	put(t, val, map[string]string{ilsvrcTrain: "T", "train/n01440764/a.JPEG": "A", "notes.txt": ""})
	valTar, _ := ilsvrc(t, true)
	put(t, valTar, map[string]string{ilsvrcTrain: "T"})
	eurosat, _ := catalogue.Find("eurosat")
	flickr, _ := catalogue.Find("flickr30k")
	karpathy := captioned(t, flickr)
	flowersEntry, _ := catalogue.Find("oxford-flowers-102")
	flowers := publishedSets(t)["oxford-flowers-102"]
	flowers["flowers-102/jpg/image_00103.jpg"], flowers["flowers-102/notes.txt"] = "A", "B"
	vocEntry, _ := catalogue.Find("voc-2007")
	voc := publishedSets(t)["voc-2007"]
	voc["VOCdevkit/VOC2007/ImageSets/Main/train.txt"], voc["VOCdevkit/VOC2007/JPEGImages/999999.jpg"] = "", "A"
	idxBoth := idxSet(t, true, 0, 1)
	idxBoth["labels.txt"], idxBoth["README"], idxBoth["train-images-idx3-ubyte"], idxBoth["train-labels-idx1-ubyte"] = "cat\ndog\n", "", "A", "B"
	cifarBoth := cifarSets(t)["cifar-10-batches-py"]
	cifarBoth["cifar-10-batches-py/data_batch_1"], cifarBoth["cifar-10-python.tar.gz"] = "A", "B"
	return map[string]splitFolder{
		"webdataset": {dir: made(map[string]string{"classnames.txt": "cat\ndog",
			templatesFile: "a {c}", "test/nshards.txt": "1", "train/nshards.txt": "1", "README.md": "",
			"test/0.tar":  pack(t, "a.png", "A", "a.cls", "0", "b.png", "B", "b.cls", "1"),
			"train/0.tar": pack(t, "c.png", "C", "c.cls", "0", "d.png", "D", "d.cls", "1")}),
			others: []string{"README.md", "train/0.tar", "train/nshards.txt"}},
		"lists": {dir: made(map[string]string{"images/a.png": "A", "images/b.png": "B", "images/c.png": "C",
			"test.csv": "path,label\nimages/a.png,0\nimages/b.png,1\n", "labels.txt": "cat\ndog",
			"train.csv": "path,label\nimages/c.png,0\n"}), others: []string{"images/c.png", "train.csv"}},
		"a list of all splits": {dir: made(map[string]string{"metadata.csv": "file_name,label,split\na.png,cat,test\n" +
			"b.png,dog,test\nc.png,cat,train\nd.png,dog,train\n", "a.png": "A", "b.png": "B", "c.png": "C", "d.png": "D"}),
			others: []string{"c.png", "d.png"}},
		"lists of zips": {dir: elevaterFolder(t, eurosat), entry: eurosat,
			others: []string{"train.txt", "train.zip", "val.txt", "val.zip"}},
		"parquet": {dir: made(map[string]string{"data/test-00000-of-00001.parquet": string(hub),
			"data/train-00000-of-00001.parquet": string(more)}),
			others: []string{"data/train-00000-of-00001.parquet"}},
		"ilsvrc": {dir: val, entry: imagenet,
			others: []string{ilsvrcTrain, "notes.txt", "train/n01440764/a.JPEG"}},
		"ilsvrc in a tar": {dir: valTar, entry: imagenet, others: []string{ilsvrcTrain}},
		"folders": {dir: made(map[string]string{"test/cat/a.png": "A", "test/dog/b.png": "B", "notes.txt": "",
			folderNames:       `{"cat": ["cat", "kitten"], "dog": "hound"}`,
			"train/cat/c.png": "C", "train/dog/d.png": "D", "test/dog/notes.txt": ""}),
			others: []string{"notes.txt", "test/dog/notes.txt", "train/cat/c.png", "train/dog/d.png"}},
		"idx":                         {dir: made(idxBoth), others: []string{"README", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"}},
		"cifar":                       {dir: made(cifarBoth), others: []string{"cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"}},
		"cifar, packed":               {dir: made(cifarSets(t)["cifar-100-python.tar.gz"])},
		"published, of .mat files":    {dir: made(flowers), entry: flowersEntry, others: []string{"flowers-102/jpg/image_00103.jpg", "flowers-102/notes.txt"}},
		"published, of several lists": {dir: made(voc), entry: vocEntry, others: []string{"VOCdevkit/VOC2007/ImageSets/Main/train.txt", "VOCdevkit/VOC2007/JPEGImages/999999.jpg"}},
		"karpathy": {dir: karpathy, entry: flickr, captions: true,
			others: []string{"flickr30k-images/0.png", "flickr30k-images/2.png"}},
		"caption tars": {dir: made(map[string]string{"test/nshards.txt": "1", "train/nshards.txt": "1",
			"test/0.tar":  pack(t, "a.jpg", "A", "a.txt", "one"),
			"train/0.tar": pack(t, "b.jpg", "B", "b.txt", "two")}), captions: true,
			others: []string{"train/0.tar", "train/nshards.txt"}},
	}
}

// TestSplitFiles: the test split is read from its files alone as from the whole folder, and the
// files of other splits are not among them.
func TestSplitFiles(t *testing.T) {
	for name, set := range splitFolders(t) {
		t.Run(name, func(t *testing.T) {
			o := Options{Split: "test", Entry: set.entry}
			files, err := SplitFiles(set.dir, o, set.captions)
			if err != nil {
				t.Fatal(err)
			}
			alone := t.TempDir()
			for _, path := range files {
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				put(t, alone, map[string]string{relative(t, set.dir, path): string(raw)})
			}
			if got, want := readAll(t, alone, o, set.captions), readAll(t, set.dir, o, set.captions); !reflect.DeepEqual(got, want) {
				t.Errorf("from its files alone: %v, from the whole folder: %v", got, want)
			}
			all, err := FilesBelow(set.dir)
			if err != nil {
				t.Fatal(err)
			}
			var others []string
			for _, path := range all {
				if !slices.Contains(files, path) {
					others = append(others, relative(t, set.dir, path))
				}
			}
			slices.Sort(set.others)
			if !slices.Equal(others, set.others) {
				t.Errorf("not read: %q, want %q", others, set.others)
			}
		})
	}
}

func relative(t *testing.T, dir, path string) string {
	t.Helper()
	name, err := filepath.Rel(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(name)
}

// readAll is what a split says, with the bytes of its images.
func readAll(t *testing.T, dir string, o Options, captions bool) []any {
	t.Helper()
	var out []any
	var n int
	var images images
	if captions {
		c, err := OpenCaptions(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		n, images, out = len(c.Keys), c.images, append(out, c.Keys, c.Texts)
	} else {
		s, err := openLayout(dir, o) // a few images are no whole benchmark
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		n, images = len(s.Items), s.images
		out = append(out, s.Layout, s.Classes, s.Names, s.Templates, s.Items, s.Many)
	}
	for i := range n {
		raw, err := images.read(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(raw))
	}
	return out
}

// TestFilesBelowFollowsLinks, as reading an image folder does, and ends where a link leads round.
func TestFilesBelowFollowsLinks(t *testing.T) {
	elsewhere := put(t, t.TempDir(), map[string]string{"cat/a.png": "A", "b.png": "B"})
	dir := t.TempDir()
	for name, to := range map[string]string{
		"cat":       filepath.Join(elsewhere, "cat"),
		"b.png":     filepath.Join(elsewhere, "b.png"),
		"round":     dir,
		"gone.png":  filepath.Join(elsewhere, "gone.png"),
		"cat-again": filepath.Join(elsewhere, "cat"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	files, err := FilesBelow(link)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = relative(t, link, files[i])
	}
	if got := strings.Join(files, " "); got != "b.png cat-again/a.png cat/a.png" {
		t.Errorf("got %q", got)
	}
}
