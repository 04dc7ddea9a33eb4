package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/shards"
)

// splitNames are the names that folders and files of a split have.
func splitNames(split string) []string {
	switch split {
	case "val":
		return []string{"val", "valid", "validation"}
	case testFolder: // benchmarks without a public test split are tested on val
		return []string{testFolder, "val", "valid", "validation"}
	}
	return []string{split}
}

// fileImages are images that are files of their own.
type fileImages []string

func (f fileImages) read(i int) ([]byte, error) { return readImage(f[i]) }
func (f fileImages) file(i int) string          { return f[i] }
func (f fileImages) close() error               { return nil }

// readFolders reads one folder a class, classes and files sorted by name.
func (s *Set) readFolders(o Options) error {
	root, ofSplit := innerFolder(s.Dir, o.Split)
	if !ofSplit {
		var err error
		if root, err = splitRoot(root, o.Split); err != nil {
			return err
		}
	}
	folders, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	var names fileImages
	for _, folder := range folders {
		if !isFolder(root, folder) || shards.Hidden(folder.Name()) {
			continue
		}
		files, err := os.ReadDir(filepath.Join(root, folder.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			if !IsImage(file.Name()) {
				continue
			}
			s.Items = append(s.Items, Item{folder.Name() + "/" + file.Name(), len(s.Classes)})
			names = append(names, filepath.Join(root, folder.Name(), file.Name()))
		}
		s.Classes = append(s.Classes, folder.Name())
	}
	s.images = names
	if len(s.Classes) == 0 {
		return fmt.Errorf("set %s: neither %s nor a folder for each class", s.Dir, classesFile)
	}
	if first := filepath.Join(root, s.Classes[0]); len(s.Items) == 0 && holdsFolders(first) {
		return fmt.Errorf("set %s: no images: %s holds folders (images are wanted in a folder for each class, or in one for each class in train, val and test)", s.Dir, first)
	}
	return nil
}

// isFolder follows links, which image collections are often made of.
func isFolder(dir string, entry os.DirEntry) bool {
	if entry.Type()&os.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, entry.Name()))
	return err == nil && info.IsDir()
}

// splitRoot is the folder of the split's class folders: DIR/SPLIT where it holds folders, else DIR,
// which is then the test split alone. A class may be called train: a folder that holds images
// itself is a class.
func splitRoot(dir, split string) (string, error) {
	for _, name := range splitNames(split) {
		if holdsFolders(filepath.Join(dir, name)) {
			return filepath.Join(dir, name), nil
		}
	}
	if split == testFolder && !holdsFolders(filepath.Join(dir, "train")) {
		return dir, nil
	}
	return "", fmt.Errorf("set %s: no split %q: no folder of that name with a folder for each class", dir, split)
}

func holdsFolders(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !shards.Hidden(e.Name()) && isFolder(dir, e) })
}

// nameClasses settles what the classes are called. Without an entry the files say it. With one,
// labels are moved to the entry's order: by the names that the files have, by WordNet ids or by the
// numbers of folders.
func (s *Set) nameClasses() error {
	e := s.Entry
	if e == nil {
		return s.nameFolders()
	}
	if len(s.Templates) == 0 {
		s.Templates = e.Templates
	}
	if e.Of != "" && len(e.Classes) == 0 {
		return s.nameSubset()
	}
	place, err := s.places(e)
	if err != nil {
		return err
	}
	for i := range s.Items {
		if err := s.moveLabel(i, place); err != nil {
			return err
		}
	}
	s.Names, s.Classes = e.Classes, catalogue.Unique(e.Classes)
	return nil
}

// moveLabel puts the labels of item i to their places.
func (s *Set) moveLabel(i int, place []int) error {
	for _, l := range s.Labels(i) {
		if l < 0 || l >= len(place) {
			return fmt.Errorf("key %s: label %d is not one of %d classes", s.Items[i].Key, l, len(place))
		}
	}
	if s.Many == nil {
		s.Items[i].Label = place[s.Items[i].Label]
		return nil
	}
	for j, l := range s.Many[i] {
		s.Many[i][j] = place[l]
	}
	s.Items[i].Label = -1
	if len(s.Many[i]) > 0 {
		s.Items[i].Label = s.Many[i][0]
	}
	return nil
}

// places are the entry's labels for the files' own.
func (s *Set) places(e *catalogue.Entry) ([]int, error) {
	if s.Layout == "folders" && e.Folders != "" {
		return foldersByID(s.Classes, e)
	}
	if s.Layout == "folders" && len(s.Classes) == len(e.Classes) {
		if place, ok := e.FolderLabels(s.Classes); ok && !repeats(place) {
			return place, nil
		}
	}
	if len(s.Classes) > 0 && len(s.Classes) != len(e.Classes) {
		return nil, fmt.Errorf("%d classes, and %s has %d", len(s.Classes), e.Name, len(e.Classes))
	}
	inOrder := make([]int, len(e.Classes))
	for i := range inOrder {
		inOrder[i] = i
	}
	if len(s.Classes) == 0 {
		return inOrder, nil
	}
	place, named := matchNames(s.Classes, e.FolderClasses())
	if named == 0 {
		s.Stranger = s.Classes[0]
	}
	switch {
	case named == len(place) && !repeats(place):
		return place, nil
	case s.Layout == "folders":
		i := slices.Index(place, -1)
		return nil, fmt.Errorf("folder %q is none of the classes of %s (such as %q; runner data show %s)", s.Classes[max(i, 0)], e.Name, e.Classes[0][0], e.Name)
	}
	for i, p := range place {
		if p >= 0 && p != i && !sameName(s.Classes[i], e.Classes[i]) {
			return nil, fmt.Errorf("class %d is called %q, which is class %d of %s: the files have another order, and not all names are known", i, s.Classes[i], p, e.Name)
		}
	}
	return inOrder, nil // other wording, the same order
}

func repeats(place []int) bool {
	sorted := slices.Sorted(slices.Values(place))
	return len(slices.Compact(sorted)) < len(place)
}

// matchNames finds each name among the classes, -1 where it is none, and counts those found.
func matchNames(names []string, classes []catalogue.Names) (place []int, named int) {
	at := map[string]int{}
	for i, class := range classes {
		for _, n := range class {
			at[classnames.Plain(n)] = i
		}
	}
	for _, n := range names {
		p, ok := at[classnames.Plain(n)]
		if !ok {
			p = -1
		} else {
			named++
		}
		place = append(place, p)
	}
	return place, named
}

func sameName(name string, class catalogue.Names) bool {
	return slices.ContainsFunc(class, func(n string) bool { return classnames.Plain(n) == classnames.Plain(name) })
}

// foldersByID are the labels of folders named by WordNet ids or by labels. Every class must be
// there.
func foldersByID(folders []string, e *catalogue.Entry) ([]int, error) {
	ids := catalogue.WordNetIDs()
	place := make([]int, len(folders))
	seen := make([]bool, len(e.Classes))
	for i, name := range folders {
		var err error
		if e.Folders == "wnid" {
			place[i] = slices.Index(ids, name)
		} else if place[i], err = strconv.Atoi(name); err != nil {
			place[i] = -1
		}
		if place[i] < 0 || place[i] >= len(seen) {
			return nil, fmt.Errorf("folder %q is no class of %s (folders are named by %s)", name, e.Name, map[string]string{"wnid": "WordNet ids, such as n01440764", "index": "labels, from 0"}[e.Folders])
		}
		seen[place[i]] = true
	}
	if missing := slices.Index(seen, false); missing >= 0 {
		return nil, fmt.Errorf("class %d (%q) has no folder", missing, e.Classes[missing][0])
	}
	return place, nil
}

// nameSubset names the classes of a benchmark that has a part of another's, from the ids of its
// folders.
func (s *Set) nameSubset() error {
	e := s.Entry
	whole, err := catalogue.Find(e.Of)
	if err != nil {
		return err
	}
	if len(s.Classes) != e.NumClasses {
		return fmt.Errorf("%d classes, and %s has %d", len(s.Classes), e.Name, e.NumClasses)
	}
	if s.Layout != "folders" {
		for _, c := range s.Classes {
			s.Names = append(s.Names, catalogue.Names{c})
		}
		return nil
	}
	ids := catalogue.WordNetIDs()
	for _, name := range s.Classes {
		at := slices.Index(ids, name)
		if at < 0 {
			return fmt.Errorf("folder %q is no class of %s (folders are named by WordNet ids, such as n01440764)", name, e.Of)
		}
		s.Names = append(s.Names, whole.Classes[at])
	}
	s.Classes = catalogue.Unique(s.Names)
	return nil
}

// archiveFolders are folders inside of which archives keep those of the classes, by split; "" is
// all.
var archiveFolders = map[string][]string{
	"":      {"101_ObjectCategories"},
	"train": {"GTSRB/Training", "GTSRB/Final_Training/Images", "Final_Training/Images"},
}

// innerFolder is where the folders of classes lie: an archive is often unpacked into a folder of
// its own. A folder that holds nothing but one other, which holds folders, is passed through.
func innerFolder(dir, split string) (inner string, ofSplit bool) {
	for _, of := range []string{split, ""} {
		for _, name := range archiveFolders[of] {
			if inner := filepath.Join(dir, filepath.FromSlash(name)); holdsFolders(inner) {
				return inner, of != ""
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return dir, false
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return shards.Hidden(e.Name()) || !isFolder(dir, e) && !IsImage(e.Name()) })
	if len(entries) != 1 || isSplitName(entries[0].Name()) || !isFolder(dir, entries[0]) || !holdsFolders(filepath.Join(dir, entries[0].Name())) {
		return dir, false
	}
	return innerFolder(filepath.Join(dir, entries[0].Name()), split)
}
