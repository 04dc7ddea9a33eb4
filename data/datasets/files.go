package datasets

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SplitFiles are the files that reading a split of a set depends on, sorted: its images or their
// archives, and the lists that name images and classes. Files of other splits are not among them,
// unless one file holds several splits. captions asks for a set of images with captions.
//
// Where the folder is no set, or its layout does not say, all its files are given.
func SplitFiles(dir string, o Options, captions bool) ([]string, error) {
	if o.Split == "" {
		o.Split = testFolder
	}
	of := labelledFiles
	if captions {
		of = captionFiles
	}
	names, err := of(dir, o)
	if err != nil || len(names) == 0 {
		return FilesBelow(dir)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// FilesBelow are all the files below a folder, sorted. Links to files and folders are followed, as
// reading follows them.
func FilesBelow(dir string) ([]string, error) {
	w := &walker{}
	if err := w.walk(dir); err != nil {
		return nil, err
	}
	slices.Sort(w.names)
	return w.names, nil
}

// walker collects files; within are the folders that it is in, free of links, so that no link leads
// it round and round.
type walker struct {
	names, within []string
}

func (w *walker) walk(dir string) error {
	target, err := filepath.EvalSymlinks(dir)
	if err != nil || slices.Contains(w.within, target) {
		return err
	}
	w.within = append(w.within, target)
	defer func() { w.within = w.within[:len(w.within)-1] }()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch mode := modeOf(path, entry); {
		case mode.IsRegular():
			w.names = append(w.names, path)
		case mode.IsDir():
			if err := w.walk(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// modeOf is the kind of an entry, of a link the kind of what it leads to.
func modeOf(path string, entry os.DirEntry) fs.FileMode {
	if entry.Type()&os.ModeSymlink == 0 {
		return entry.Type()
	}
	info, err := os.Stat(path)
	if err != nil {
		return os.ModeIrregular // a link to nothing
	}
	return info.Mode().Type()
}

// labelledFiles are the files of a split of labelled images.
func labelledFiles(dir string, o Options) ([]string, error) {
	for _, l := range layouts {
		if !l.found(dir, o) {
			continue
		}
		if l.files == nil {
			return nil, nil
		}
		return l.files(dir, o)
	}
	return nil, nil
}

// present leaves the names of files that are there.
func present(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !isFile(name) })
}

// tarFiles are the tars of a split, and what names classes and prompts beside them.
func tarFiles(dir string, o Options) ([]string, error) {
	names, err := FilesBelow(filepath.Join(dir, o.Split))
	return append(names, present(filepath.Join(dir, classesFile),
		filepath.Join(dir, templatesFile))...), err
}

// listFiles are the list of a split, that of the classes, and the images or the zips that it names.
func listFiles(dir string, o Options) ([]string, error) {
	l, _ := findList(dir, o)
	names, err := imageFiles(dir, o, (*Set).readList)
	return append(names, present(l.path, labelFile(dir))...), err
}

// imageFiles are the images of a split that are files, or the zips that hold them.
func imageFiles(dir string, o Options, read func(*Set, Options) error) ([]string, error) {
	s := &Set{Dir: dir, Split: o.Split, Entry: o.Entry}
	o.MaxBadShare = 1 // how many may be lost is not for a list of files to say
	err := read(s, o)
	if s.images != nil {
		defer s.images.close()
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for i, item := range s.Items {
		name := s.File(i)
		if archive, _, zipped := splitZip(item.Key); zipped {
			name = filepath.Join(dir, archive)
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

func parquetSplit(dir string, o Options) ([]string, error) { return parquetFiles(dir, o.Split), nil }

// ilsvrcSplit are the tar or the images, and of the validation images the devkit's labels.
func ilsvrcSplit(dir string, o Options) ([]string, error) {
	if o.Split == "train" {
		return []string{filepath.Join(dir, ilsvrcTrain)}, nil
	}
	devkit := filepath.Join(dir, filepath.FromSlash(ilsvrcDevkit))
	names := present(filepath.Join(devkit, ilsvrcMeta), filepath.Join(devkit, ilsvrcLabels))
	folder := ilsvrcFolder(dir)
	if folder == "" {
		return append(names, filepath.Join(dir, ilsvrcTar)), nil
	}
	all, err := FilesBelow(folder)
	return append(names, slices.DeleteFunc(all, func(name string) bool {
		return filepath.Dir(name) != folder || !strings.HasPrefix(filepath.Base(name), ilsvrcImages)
	})...), err
}

// folderFiles are the images in the class folders of a split, and what names the classes.
func folderFiles(dir string, o Options) ([]string, error) {
	names, err := imageFiles(dir, o, (*Set).readFolders)
	return append(names, present(filepath.Join(dir, folderNames))...), err
}

// captionFiles are the files of a split of images with captions.
func captionFiles(dir string, o Options) ([]string, error) {
	list, err := karpathyFile(dir, o)
	if err != nil {
		return nil, err
	}
	if list == "" {
		return FilesBelow(filepath.Join(dir, o.Split))
	}
	c := &Captions{Dir: dir, Split: o.Split}
	if err := c.readKarpathy(list, 1); err != nil {
		return nil, err
	}
	return append(slices.Clone([]string(c.images.(fileImages))), list), nil
}
