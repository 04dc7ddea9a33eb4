// Package datasets reads and writes evaluation sets, as labelled images and as images with
// captions. What is known of published benchmarks stands in package catalogue, lists of class names
// are read by package classnames.
//
// Layouts of labelled images, told by what is in the folder (see layouts):
//
//   - CLIP_benchmark's webdatasets: classnames.txt (one a line, in the order of the labels),
//     zeroshot_classification_templates.txt where the set has prompts of its own ({c} stands for
//     the class name), SPLIT/nshards.txt and SPLIT/0.tar, 1.tar, ... with KEY.png (or jpg, webp)
//     and KEY.cls, the label as a decimal number;
//   - lists: SPLIT.csv, vision-datasets' SPLIT.txt with labels.txt, or a COCO JSON; images in
//     folders or zips;
//   - parquet with image bytes, as the Hugging Face hub has it;
//   - MNIST's and Fashion-MNIST's IDX files, packed or not; CIFAR's batches, a folder or a .tar.gz;
//   - the lists of benchmarks as their authors' archives hold them (see publishedForms);
//   - ILSVRC 2012's validation images, a folder or a tar, with the devkit's labels, and its tar of
//     the training images;
//   - image folders: one folder a class, named after it, with image files; in a folder of the split
//     where there are several.
//
// Images with captions: Karpathy's JSON, and CLIP_benchmark's webdatasets with KEY.txt
// (OpenCaptions).
//
// Reading lists the items and checks them; images are read one by one and decoded by package image.
// A test set is taken whole or not at all: a fault is an error, not a count. Check looks at a whole
// folder and reports.
package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"react/data/datasets/catalogue"
	"react/data/delimited"
	"react/data/lost"
	"react/data/shards"
)

// Names of files of the webdataset layout.
const (
	classesFile   = "classnames.txt"
	templatesFile = "zeroshot_classification_templates.txt"
	shardsFile    = "nshards.txt"
	testFolder    = "test"
)

// Item is one image and its class.
type Item struct {
	Key   string
	Label int // place in Set.Classes; of several the first, and -1 for none
}

// Set is a split of an evaluation set. Read may be called concurrently.
type Set struct {
	Dir       string
	Split     string
	Layout    string            // name of the layout that was found
	Classes   []string          // for tables: no two are the same
	Names     []catalogue.Names // for prompts: of each class, one or more
	Templates []string          // prompts of the set itself, with {} for the class; often none
	Items     []Item            // in the order of the files
	// all classes of each item, where an image may have several; else nil
	Many  [][]int
	Entry *catalogue.Entry // nil for a set that is not of the catalogue
	// the first class as the files call it, where no name is one of the entry's: labels are then
	// trusted to be in its order
	Stranger string

	Lost lost.Count // items that are listed, and left out since they are not there

	images images
	known  *catalogue.Entry // the benchmark whose files these are, where no entry was given
}

// images gives the bytes of items by position, concurrently.
type images interface {
	read(i int) ([]byte, error)
	close() error
}

// Options say what is read of a folder.
type Options struct {
	Split string           // train, val or test; "" is test
	Entry *catalogue.Entry // the benchmark that the folder holds; nil: nothing is known of it

	MaxBadShare float64 // of the images that are listed: those that may not be there
}

// errNoImage is what Read gives for an image that has no bytes: a null in a table.
var errNoImage = errors.New("no image bytes")

// LostCause is why Read gave no image, where it is only that image that is not there; "" for an
// error of the disk or the like.
func LostCause(err error) lost.Cause {
	switch {
	case errors.Is(err, errNoImage):
		return lost.NoBytes
	case errors.Is(err, os.ErrNotExist):
		return lost.NotThere
	}
	return ""
}

// OpenSplit reads a split of the set in a folder. With an entry, labels are in the entry's order
// and counted as its classes.
func OpenSplit(dir string, o Options) (*Set, error) {
	if o.Split == "" {
		o.Split = testFolder
	}
	s, err := openLayout(dir, o)
	if err != nil {
		return nil, packedBeside(dir, err)
	}
	err = s.check()
	if err == nil {
		err = s.severalClasses()
	}
	if err != nil {
		return nil, packedBeside(dir, fmt.Errorf("set %s: %w", dir, errors.Join(err, s.Close())))
	}
	return s, nil
}

// openLayout reads with the first layout whose marks are there.
func openLayout(dir string, o Options) (*Set, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("set %s: no such folder", dir)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("set %s: a file, and a set is a folder (unpack an archive first)", dir)
	}
	for _, l := range layouts {
		if !l.found(dir, o) {
			continue
		}
		s := &Set{Dir: dir, Split: o.Split, Layout: l.name, Entry: o.Entry}
		if err := l.read(s, o); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if err := s.nameClasses(); err != nil {
			return nil, fmt.Errorf("set %s: %w", dir, errors.Join(err, s.Close()))
		}
		return s, nil
	}
	return nil, fmt.Errorf("set %s: neither %s nor a folder for each class", dir, classesFile)
}

// layout is a way in which a set lies in a folder. read sets Items, Classes where the files say
// them, and images.
type layout struct {
	name  string
	found func(dir string, o Options) bool
	read  func(s *Set, o Options) error
	// files are all that read opens, and no file that is of other splits alone: keys of stages name
	// these. nil: every file in the folder.
	files func(dir string, o Options) ([]string, error)
}

// layouts in the order in which they are looked for; a folder for each class is what is left.
var layouts = []layout{
	{"idx", hasIDX, (*Set).readIDX, idxSplit},
	{"cifar", hasCIFAR, (*Set).readCIFAR, cifarSplit},
	{"published", hasPublished, (*Set).readPublished, publishedSplit},
	{"webdataset", hasTars, (*Set).readTars, tarFiles},
	{"lists", hasList, (*Set).readList, listFiles},
	{"parquet", hasParquet, (*Set).readParquet, parquetSplit},
	{"ilsvrc", hasILSVRC, (*Set).readILSVRC, ilsvrcSplit},
	{"folders", func(string, Options) bool { return true }, (*Set).readFolders, folderFiles},
}

// check refuses a set in which a class cannot be measured.
func (s *Set) check() error {
	if len(s.Items) == 0 {
		return errors.New("no images")
	}
	counts, err := s.Support()
	if err != nil {
		return err
	}
	if i := slices.Index(counts, 0); i >= 0 {
		return fmt.Errorf("class %d (%q) has no images", i, s.Classes[i])
	}
	return nil
}

// severalClasses refuses a set of one class: every prediction would be right. It is most often a
// folder of images with a list in a layout that is not known.
func (s *Set) severalClasses() error {
	if len(s.Classes) != 1 || s.Many != nil {
		return nil
	}
	err := fmt.Errorf("one class (%q) leaves nothing to measure", s.Classes[0])
	if s.Layout != "folders" {
		return err
	}
	if beside := unreadLists(s.Dir); len(beside) > 0 {
		return fmt.Errorf("%w, and %s beside its folder is not read as a list (a list is called %s.csv or metadata.csv and has columns such as path and label)",
			err, strings.Join(beside, ", "), s.Split)
	}
	return fmt.Errorf("%w (images are wanted in a folder for each class, or beside %s.csv with the columns path and label)", err, s.Split)
}

// unreadLists are files of a folder that may list images.
func unreadLists(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		ending := strings.ToLower(filepath.Ext(e.Name()))
		if slices.Contains([]string{".csv", ".tsv", ".json", ".jsonl", ".txt", ".parquet", ".mat", ".xml"}, ending) && !shards.Hidden(e.Name()) && !e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

// Support counts the images of each class; a label that is none of the classes is an error.
func (s *Set) Support() ([]int, error) {
	counts := make([]int, len(s.Classes))
	for i, item := range s.Items {
		for _, l := range s.Labels(i) {
			if l < 0 || l >= len(counts) {
				return nil, fmt.Errorf("key %s: label %d is not one of %d classes", item.Key, l, len(counts))
			}
			counts[l]++
		}
	}
	return counts, nil
}

// Labels are the classes of item i: one, or in a multi-label set any number.
func (s *Set) Labels(i int) []int {
	if s.Many != nil {
		return s.Many[i]
	}
	return []int{s.Items[i].Label}
}

// Read returns the bytes of item i's image.
func (s *Set) Read(i int) ([]byte, error) { return s.images.read(i) }

// File is the path of item i's image; "" where it lies in an archive.
func (s *Set) File(i int) string {
	if f, ok := s.images.(interface{ file(i int) string }); ok {
		return f.file(i)
	}
	return ""
}

// Close closes the set's files.
func (s *Set) Close() error {
	if s.images == nil {
		return nil
	}
	return s.images.close()
}

// imageNames are the endings of files that count as images of a class.
var imageNames = []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}

// readTemplates reads one template a line; a set without the file has none.
func readTemplates(name string) ([]string, error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var templates []string
	for i, line := range delimited.Split(raw) {
		t := strings.ReplaceAll(strings.TrimSpace(line), "{c}", "{}")
		if t == "" {
			continue
		}
		if !utf8.ValidString(t) || !strings.Contains(t, "{}") {
			return nil, fmt.Errorf("file %s: line %d: template %q has no {c} for the class", name, i+1, t)
		}
		templates = append(templates, t)
	}
	return templates, nil
}

// IsImage says whether a file counts as an image by its name. Names that begin with a dot do not.
func IsImage(path string) bool {
	return !shards.Hidden(filepath.Base(path)) && slices.Contains(imageNames, strings.ToLower(filepath.Ext(path)))
}

// unpacking says how to unpack an archive, by the end of its name.
var unpacking = []struct{ ending, command string }{
	{".tar.gz", "tar xzf"}, {".tgz", "tar xzf"}, {".tar", "tar xf"}, {".zip", "unzip"}, {".rar", "unrar x"}, {".7z", "7z x"},
	{".h5.gz", ""}, {".h5", ""},
}

// packedBeside adds to an error that an archive lies in the folder as its publisher gives it out,
// and has not been unpacked: most sets are read from the files that archives hold.
func packedBeside(dir string, err error) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		for _, u := range unpacking {
			if shards.Hidden(e.Name()) || !strings.HasSuffix(strings.ToLower(e.Name()), u.ending) || !isFile(filepath.Join(dir, e.Name())) {
				continue
			}
			if u.command == "" {
				return fmt.Errorf("%w; %s is HDF5, which is not read (runner data show says how to convert a benchmark's files)", err, e.Name())
			}
			return fmt.Errorf("%w; is %s unpacked? (%s %s)", err, e.Name(), u.command, e.Name())
		}
	}
	return err
}
