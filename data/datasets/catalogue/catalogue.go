// Package catalogue is what is known of published benchmarks before any of their files is there:
// class names, prompts, splits and counts (the *.json files beside this one, one an entry), what
// their archives call the folders of classes (folders.txt), digests of the archives (archives.txt),
// and how the authors' files are read (published.txt). It opens no set; package datasets does.
package catalogue

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"react/data/delimited"
)

// Entry is what is known of a published benchmark before any of its files is there: one .json file
// beside this one.
type Entry struct {
	Name string `json:"-"` // of its file
	// of its content, and of the entry's that it is a part of
	Digest  string   `json:"-"`
	Title   string   `json:"title"`
	Suites  []string `json:"suites"`            // elevater, imagenet, retrieval
	Aliases []string `json:"aliases,omitempty"` // what other tools call it
	Kind    string   `json:"kind"`              // classification, multi-label, captions
	// the one that papers print: accuracy, mean-per-class, mAP-elevater, roc-auc, recall@1
	Metric string `json:"metric"`
	// in the order of the labels; none where they follow from Of
	Classes    []Names `json:"classes,omitempty"`
	NumClasses int     `json:"numClasses,omitempty"`
	// the entry of which this one's classes are a part
	Of string `json:"of,omitempty"`
	// what class folders are named by: "" class names, "wnid" WordNet ids, "index" labels
	Folders   string           `json:"folders,omitempty"`
	Templates []string         `json:"templates,omitempty"`
	Source    string           `json:"source"` // of names, templates and counts
	Splits    map[string]Split `json:"splits"`
	Licence   string           `json:"licence"`
	Get       []string         `json:"get"` // ways to the files, and how they lie in a folder
}

// Split is a part of a benchmark, as its authors count it.
type Split struct {
	Images   int    `json:"images"`
	Captions int    `json:"captions,omitempty"`
	Index    string `json:"index,omitempty"` // file that lists it, where the benchmark has one
}

// Names are a class's names, the first of which stands in tables; most have one. A classifier
// averages over all of them.
type Names []string

// UnmarshalJSON takes a string or a list of strings.
func (n *Names) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(n))
}

//go:embed *.json *.txt
var files embed.FS

// All lists the entries, by name.
var All = sync.OnceValue(func() []*Entry { return must(read()) })

// must is what is read of files that are part of the program; a test reads them.
func must[E any](entries []*E, err error) []*E {
	if err != nil {
		panic(err)
	}
	return entries
}

// decodeAll reads the entries of a pattern of files, by name; begin makes one of its name and of the
// bytes of its file.
func decodeAll[E any](files embed.FS, pattern string, begin func(name string, raw []byte) *E) (entries []*E, err error) {
	listed, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, err
	}
	for _, name := range listed {
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		e := begin(strings.TrimSuffix(path.Base(name), ".json"), raw)
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(e); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func read() ([]*Entry, error) {
	entries, err := decodeAll(files, "*.json", func(name string, raw []byte) *Entry {
		sum := sha256.Sum256(raw)
		return &Entry{Name: name, Digest: hex.EncodeToString(sum[:8])}
	})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Of == "" {
			e.NumClasses = len(e.Classes)
			continue
		}
		whole := slices.IndexFunc(entries, func(o *Entry) bool { return o.Name == e.Of })
		if whole < 0 {
			return nil, fmt.Errorf("catalogue: %s is part of %s, which is not there", e.Name, e.Of)
		}
		e.Templates = entries[whole].Templates
		e.Digest += "+" + entries[whole].Digest
		if e.NumClasses == len(entries[whole].Classes) {
			e.Classes = entries[whole].Classes
		}
	}
	return entries, nil
}

// Find is the entry of a name or an alias.
func Find(name string) (*Entry, error) {
	var names []string
	for _, e := range All() {
		if e.Name == name || slices.Contains(e.Aliases, name) {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("no dataset %q in the catalogue (there are %s)", name, strings.Join(names, ", "))
}

// WordNetIDs are the ids of ImageNet-1K's classes, in the order of its labels, which is theirs.
func WordNetIDs() []string { return lines("imagenet-wnids.txt") }

// lines are those of a file beside this one.
func lines(name string) []string {
	raw, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded
	}
	return delimited.Split(raw)
}

// Unique makes the first names of classes distinct, for tables: a name that several classes share
// gets its label in brackets.
func Unique(names []Names) []string {
	count := map[string]int{}
	for _, n := range names {
		count[n[0]]++
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n[0]
		if count[n[0]] > 1 {
			out[i] = fmt.Sprintf("%s [%d]", n[0], i)
		}
	}
	return out
}
