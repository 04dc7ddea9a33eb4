package datasets

import (
	"archive/zip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/datasets/catalogue"
	"react/data/delimited"
	"react/data/matfile"
)

// publishedForm is how the archives of a benchmark, unpacked, keep its images and lists.
type publishedForm struct {
	bench string
	// below the set's folder, where archives unpack to; "." is always looked at
	roots []string
	// of each split, names of its list, of which the first that is there is read
	lists map[string][]string
	// mark is a file that no other set's archive has: without it the form is read only where it is
	// asked for. beside are other files that reading depends on.
	mark   string
	beside []string
	read   func(p *published) error
}

var publishedForms = []publishedForm{
	{bench: "oxford-flowers-102", mark: "imagelabels.mat", roots: []string{"flowers-102"}, read: readMat(flowers), beside: []string{"imagelabels.mat"},
		lists: map[string][]string{"train": {"setid.mat"}, "val": {"setid.mat"}, testFolder: {"setid.mat"}}},
	{bench: "oxford-pets", mark: "annotations/list.txt", roots: []string{"oxford-iiit-pet"}, read: readPets,
		lists: map[string][]string{"train": {"annotations/trainval.txt"}, testFolder: {"annotations/test.txt"}}},
	{bench: "dtd", mark: "labels/labels_joint_anno.txt", roots: []string{"dtd", "dtd/dtd"}, read: readClassPaths("images", ""),
		lists: map[string][]string{"train": {"labels/train1.txt"}, "val": {"labels/val1.txt"}, testFolder: {"labels/test1.txt"}}},
	{bench: "food-101", mark: "meta/labels.txt", roots: []string{"food-101"}, read: readClassPaths("images", ".jpg"),
		lists: map[string][]string{"train": {"meta/train.txt"}, testFolder: {"meta/test.txt"}}},
	{bench: "fgvc-aircraft", mark: "variants.txt", roots: []string{"data", "fgvc-aircraft-2013b/data"}, read: readAircraft, beside: []string{"variants.txt"},
		lists: map[string][]string{"train": {"images_variant_train.txt"}, "val": {"images_variant_val.txt"}, testFolder: {"images_variant_test.txt"}}},
	{bench: "stanford-cars", mark: "devkit/cars_meta.mat", roots: []string{"stanford_cars"}, read: readMat(cars), beside: []string{"devkit/cars_meta.mat", "cars_meta.mat"},
		lists: map[string][]string{"train": {"devkit/cars_train_annos.mat", "cars_train_annos.mat"},
			testFolder: {"cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat"}}},
	{bench: "gtsrb", mark: "GT-final_test.csv", roots: []string{"gtsrb", "GTSRB"}, read: readSigns,
		lists: map[string][]string{testFolder: {"GT-final_test.csv", "GTSRB/GT-final_test.csv", "GTSRB/Final_Test/Images/GT-final_test.csv", "Final_Test/Images/GT-final_test.csv"}}},
	{bench: "voc-2007", mark: "ImageSets/Main/tvmonitor_test.txt", roots: []string{"VOC2007", "VOCdevkit/VOC2007"}, read: readVOC,
		lists: map[string][]string{"train": {"ImageSets/Main/train.txt"}, "val": {"ImageSets/Main/val.txt"}, testFolder: {"ImageSets/Main/test.txt"}}},
	{bench: "hateful-memes", roots: []string{"hateful_memes", "data"}, read: readMemes,
		lists: map[string][]string{"train": {"train.jsonl"}, testFolder: {"dev_seen.jsonl", "dev.jsonl"}}},
	{bench: "fer-2013", mark: "fer2013.csv", roots: []string{"fer2013"}, read: readFaces,
		lists: map[string][]string{"train": faceLists, "val": faceLists, testFolder: faceLists}},
}

// published is a set that is being read from its archives' lists.
type published struct {
	*Set
	form  publishedForm
	root  string // slashes, below the set's folder
	list  string // path of the split's list
	files *listed
}

// publishedIn finds the form that a folder has. Without an entry its mark says which it is.
func publishedIn(dir string, o Options) (p published, ok bool) {
	for _, form := range publishedForms {
		if o.Entry == nil && form.mark == "" || o.Entry != nil && o.Entry.Name != form.bench {
			continue
		}
		for _, root := range append([]string{"."}, form.roots...) {
			if o.Entry == nil && !isFile(filepath.Join(dir, filepath.FromSlash(root), filepath.FromSlash(form.mark))) {
				continue
			}
			for _, name := range form.lists[o.Split] {
				path := filepath.Join(dir, filepath.FromSlash(root), filepath.FromSlash(name))
				if isFile(path) {
					return published{form: form, root: root, list: path}, true
				}
			}
		}
	}
	return published{}, false
}

func hasPublished(dir string, o Options) bool { _, ok := publishedIn(dir, o); return ok }

// readPublished reads the lists that a benchmark's authors give out beside its images.
func (s *Set) readPublished(o Options) error {
	p, _ := publishedIn(s.Dir, o)
	p.Set, p.files = s, &listed{dir: s.Dir, base: filepath.FromSlash(p.root), zips: map[string]*zip.ReadCloser{}}
	s.images = p.files
	if o.Entry == nil {
		var err error
		if s.known, err = catalogue.Find(p.form.bench); err != nil {
			return err
		}
	}
	if err := p.form.read(&p); err != nil {
		return fmt.Errorf("file %s: %w", p.list, err)
	}
	if o.Entry == nil && len(s.Classes) == 0 { // the lists number the classes in the entry's order
		s.Classes = catalogue.Unique(s.known.Classes)
	}
	if s.Many != nil && !slices.ContainsFunc(s.Many, func(l []int) bool { return len(l) != 1 }) && p.form.bench != "voc-2007" {
		s.Many = nil
	}
	if s.images != images(p.files) {
		return nil
	}
	return s.dropAbsent(p.files.absent(), o.MaxBadShare)
}

// publishedSplit are the lists and images of a split.
func publishedSplit(dir string, o Options) ([]string, error) {
	p, _ := publishedIn(dir, o)
	names, err := imageFiles(dir, o, (*Set).readPublished)
	if err != nil {
		return nil, err
	}
	names = append(names, p.list)
	for _, name := range p.form.beside {
		names = append(names, present(p.path(dir, name))...)
	}
	if p.form.bench == "voc-2007" {
		for _, class := range vocClasses() {
			names = append(names, p.path(dir, "ImageSets/Main/"+class+"_"+o.Split+".txt"))
		}
	}
	return names, nil
}

func (p *published) path(dir, name string) string {
	return filepath.Join(dir, filepath.FromSlash(p.root), filepath.FromSlash(name))
}

// add appends an image, whose path is below the root, with its labels.
func (p *published) add(path string, labels ...int) error {
	for _, l := range labels {
		if l < 0 {
			return fmt.Errorf("image %s has label %d", path, l)
		}
	}
	return p.addListed(p.files, path, labels)
}

// eachLine gives the lines of a list that are not empty, and says the line of an error.
func eachLine(path string, fn func(line string) error) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range delimited.Split(raw) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := fn(line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

// named collects class names as they come, and gives labels in the order of the sorted names.
type named struct{ paths, classes []string }

func (n *named) add(path, class string) {
	n.paths, n.classes = append(n.paths, path), append(n.classes, class)
}

func (n *named) settle(p *published) error {
	p.Classes = slices.Compact(slices.Sorted(slices.Values(n.classes)))
	for i, path := range n.paths {
		at, _ := slices.BinarySearch(p.Classes, n.classes[i])
		if err := p.add(path, at); err != nil {
			return err
		}
	}
	return nil
}

// readClassPaths reads lists of CLASS/IMAGE: DTD's have the images' endings, Food-101's do not.
func readClassPaths(folder, ending string) func(p *published) error {
	return func(p *published) error {
		var all named
		err := eachLine(p.list, func(line string) error {
			class, _, ok := strings.Cut(line, "/")
			if !ok {
				return fmt.Errorf("%q is not CLASS/IMAGE", line)
			}
			all.add(folder+"/"+line+ending, class)
			return nil
		})
		if err != nil {
			return err
		}
		return all.settle(p)
	}
}

// readPets reads lines IMAGE CLASS SPECIES BREED, whose images are called after their class.
func readPets(p *published) error {
	var all named
	err := eachLine(p.list, func(line string) error {
		fields := strings.Fields(line)
		at := strings.LastIndexByte(fields[0], '_')
		if len(fields) != 4 || at <= 0 {
			return fmt.Errorf("%q is not IMAGE CLASS SPECIES BREED", line)
		}
		all.add("images/"+fields[0]+".jpg", fields[0][:at])
		return nil
	})
	if err != nil {
		return err
	}
	return all.settle(p)
}

// readAircraft reads lines IMAGE VARIANT; variants.txt has the variants in the order of the labels.
func readAircraft(p *published) (err error) {
	if p.Classes, err = readNames(p.path(p.Dir, "variants.txt"), true); err != nil {
		return err
	}
	return eachLine(p.list, func(line string) error {
		image, variant, _ := strings.Cut(line, " ")
		label := slices.Index(p.Classes, variant)
		if label < 0 {
			return fmt.Errorf("%q is no variant of variants.txt", variant)
		}
		return p.add("images/"+image+".jpg", label)
	})
}

// readMat reads the list of a split, and the first file beside it that is there, as MATLAB's, of
// which listed makes paths and labels from 1.
func readMat(listed func(p *published, vars map[string]matfile.Array) (paths []string, labels []float64, err error)) func(p *published) error {
	return func(p *published) error {
		vars, err := matfile.Read(p.list)
		if err != nil {
			return err
		}
		for _, name := range p.form.beside {
			path := p.path(p.Dir, name)
			if !isFile(path) {
				continue
			}
			more, err := matfile.Read(path)
			if err != nil {
				return err
			}
			maps.Copy(vars, more)
			break
		}
		paths, labels, err := listed(p, vars)
		for i := 0; i < len(paths) && err == nil; i++ {
			err = p.add(paths[i], int(labels[i])-1)
		}
		return err
	}
}

// flowers are the numbers of a split's images, of setid.mat, and the labels of all images, of
// imagelabels.mat.
func flowers(p *published, vars map[string]matfile.Array) (paths []string, labels []float64, err error) {
	name := map[string]string{"train": "trnid", "val": "valid", testFolder: "tstid"}[p.Split]
	all, ids := vars["labels"].Numbers, vars[name].Numbers
	if len(all) == 0 || len(ids) == 0 {
		return nil, nil, fmt.Errorf("no variable %s, or no labels in imagelabels.mat", name)
	}
	for _, id := range ids {
		if !(id >= 1 && id <= float64(len(all))) {
			return nil, nil, fmt.Errorf("image %v of %s is none of %d", id, name, len(all))
		}
		paths, labels = append(paths, fmt.Sprintf("jpg/image_%05d.jpg", int(id))), append(labels, all[int(id)-1])
	}
	return paths, labels, nil
}

// cars are annotations with the fields class and fname; cars_meta.mat names the classes.
func cars(p *published, vars map[string]matfile.Array) (paths []string, labels []float64, err error) {
	for _, c := range vars["class_names"].Cells {
		p.Classes = append(p.Classes, c.Text)
	}
	folder := map[string]string{"train": "cars_train", testFolder: "cars_test"}[p.Split]
	classes, names := vars["annotations"].Fields["class"], vars["annotations"].Fields["fname"]
	if len(classes) == 0 || len(classes) != len(names) {
		return nil, nil, fmt.Errorf("annotations of %d classes for %d files (those of the test images without labels are called cars_test_annos.mat)", len(classes), len(names))
	}
	for i, c := range classes {
		if len(c.Numbers) != 1 {
			return nil, nil, fmt.Errorf("annotation %d has no class", i)
		}
		paths, labels = append(paths, folder+"/"+names[i].Text), append(labels, c.Numbers[0])
	}
	return paths, labels, nil
}

// readSigns reads GTSRB's test images, listed with semicolons. Its training images are folders.
func readSigns(p *published) error {
	p.files.base = ""
	folder, err := filepath.Rel(p.Dir, p.signFolder())
	if err != nil {
		return err
	}
	return p.addTable(folder, "Filename", "ClassId", "GT-final_test.test.csv has no labels")
}

// addTable adds the rows of a table with a column for the file, in a folder, and one for the number
// of its class; hint is for a table without them.
func (p *published) addTable(folder, file, class, hint string) error {
	raw, err := os.ReadFile(p.list)
	if err != nil {
		return err
	}
	t, err := readTable(p.list, raw)
	if err != nil {
		return err
	}
	at, err := t.column([]string{file})
	if err != nil {
		return err
	}
	label, err := t.column([]string{class})
	if err != nil || at < 0 || label < 0 {
		return fmt.Errorf("columns %q: want %s and %s (%s)", t.columns, file, class, hint)
	}
	for _, r := range t.rows {
		l, err := strconv.Atoi(r.values[label])
		if err == nil {
			err = p.add(filepath.Join(folder, r.values[at]), l)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	return nil
}

// signFolder is where the test images lie: beside the list, or in one of the folders that the
// archives unpack to.
func (p *published) signFolder() string {
	beside := filepath.Dir(p.list)
	for _, name := range []string{"Final_Test/Images", "GTSRB/Final_Test/Images"} {
		if holdsImages(filepath.Join(beside, filepath.FromSlash(name))) {
			return filepath.Join(beside, filepath.FromSlash(name))
		}
	}
	return beside
}

func holdsImages(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return IsImage(e.Name()) })
}

func vocClasses() []string {
	e, err := catalogue.Find("voc-2007")
	if err != nil {
		return nil
	}
	return catalogue.Unique(e.Classes)
}

// readVOC reads the lists CLASS_SPLIT.txt of all classes: IMAGE and 1 where it shows the class, -1
// where not, 0 where every such object is marked difficult. As CLIP_benchmark does, those count.
func readVOC(p *published) error {
	labels := map[string][]int{}
	for c, class := range vocClasses() {
		path := p.path(p.Dir, "ImageSets/Main/"+class+"_"+p.Split+".txt")
		err := eachLine(path, func(line string) error {
			fields := strings.Fields(line)
			if len(fields) != 2 || !slices.Contains([]string{"-1", "0", "1"}, fields[1]) {
				return fmt.Errorf("%q is not IMAGE and -1, 0 or 1", line)
			}
			if fields[1] != "-1" {
				labels[fields[0]] = append(labels[fields[0]], c)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
	p.Classes = vocClasses()
	return eachLine(p.list, func(line string) error { return p.add("JPEGImages/"+line+".jpg", labels[line]...) })
}

// readMemes reads lines of id, img and label: 0, or 1 for a hateful meme.
func readMemes(p *published) error {
	return p.addTable("", "img", "label", "test_seen.jsonl and test_unseen.jsonl have no labels")
}
