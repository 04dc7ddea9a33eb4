package catalogue

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// publishedFolders are what the folders of a benchmark's classes are called in its archives.
type publishedFolders struct {
	names   []string // in the order of the labels
	numbers bool     // folders are called by numbers, of which first is label 0
	first   int
}

// folderTable are those of folders.txt, by entry. They are no part of an entry's Digest.
var folderTable = sync.OnceValue(func() map[string]publishedFolders {
	out := map[string]publishedFolders{}
	for _, line := range lines("folders.txt") {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "#" {
			continue
		}
		if f[1] == "numbers" {
			first, err := strconv.Atoi(f[2])
			if err != nil {
				panic(err) // a test reads them
			}
			out[f[0]] = publishedFolders{numbers: true, first: first}
			continue
		}
		out[f[0]] = publishedFolders{names: f[1:]}
	}
	return out
})

// labels are the labels of folders that are called by numbers, with or without leading zeros; ok
// is false where a folder is not.
func (p publishedFolders) labels(folders []string, numClasses int) (place []int, ok bool) {
	if !p.numbers {
		return nil, false
	}
	for _, name := range folders {
		n, err := strconv.Atoi(name)
		if err != nil || n < p.first || n-p.first >= numClasses {
			return nil, false
		}
		place = append(place, n-p.first)
	}
	return place, true
}

// FolderLabels are the labels of the folders of an entry whose archives call them by numbers; ok is
// false where one is none, or the entry's folders have names.
func (e *Entry) FolderLabels(folders []string) (place []int, ok bool) {
	return folderTable()[e.Name].labels(folders, len(e.Classes))
}

// FolderClasses are the names of an entry's classes, with those of the published folders.
func (e *Entry) FolderClasses() []Names {
	published := folderTable()[e.Name].names
	if len(published) == 0 {
		return e.Classes
	}
	out := make([]Names, len(e.Classes))
	for i, names := range e.Classes {
		out[i] = append(slices.Clone(names), published[i])
	}
	return out
}

// FolderNames says what folders of classes may be called, for people.
func (e *Entry) FolderNames() string {
	p := folderTable()[e.Name]
	switch {
	case e.Folders == "wnid":
		return "WordNet ids"
	case e.Folders == "index":
		return "labels, from 0"
	case p.numbers:
		return "class names, or as published by numbers, from " + strconv.Itoa(p.first)
	case len(p.names) > 0:
		return "class names, or as published: " + strings.Join(p.names[:min(3, len(p.names))], ", ") + ", ..."
	}
	return ""
}
