// Package emoji turns npm packages with the emoji images of several vendors and their
// English names into a pool and evaluation sets: real drawings of the same things
// in different styles, small enough for two cores.
//
// The pool has drawings in five styles, Google's of today and of before 2017 (the "blobs"),
// Twitter's Twemoji, EmojiOne's and Microsoft's Fluent, several rows each: the label in a template,
// two tags, the label with a tag. The sets have the drawings of Facebook and Apple, styles that the
// pool lacks, in three groups of emoji; their classes are labels. A label is the emoji's English
// name in emojibase ("dog face"), a tag one of its keywords there ("puppy").
//
// Transparent pixels become white. Images are read from a local folder and nothing
// is fetched; they belong to their makers, and what this package writes is not to
// be passed on (see LICENSES.md in the output).
package emoji

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Options of Import.
type Options struct {
	SkinTones bool // take the skin-tone variants into the pool too
	// width and height of the images written; 0 is as they are, and 64 where they are larger
	Size int
}

var (
	poolVendors = []vendor{
		{name: "google", pkg: "emoji-datasource-google", images: "img/google/64"},
		{name: "twitter", pkg: "emoji-datasource-twitter", images: "img/twitter/64"},
		// an npm alias of emoji-datasource-google 3.0.0
		{name: "blob", pkg: "emoji-datasource-blob", images: "img/google/64"},
		{name: "emojione", pkg: "emoji-datasource-emojione", images: "img/emojione/64"},
		{name: "fluent", pkg: "@lobehub/fluent-emoji-3d", images: "assets", coded: true},
	}
	testVendors = []vendor{
		{name: "facebook", pkg: "emoji-datasource-facebook", images: "img/facebook/64"},
		{name: "apple", pkg: "emoji-datasource-apple", images: "img/apple/64"},
	}
)

// groups of the evaluation sets, by emojibase's numbers; those named nowhere
// (smileys, people, activities, symbols, flags) are in others.
var groups = []group{
	{"animals-food", []int{3, 4}},
	{"objects-travel", []int{5, 7}},
	{others, nil},
}

const others = "others"

type group struct {
	name    string
	members []int
}

// groupOf is the set's group that an emoji belongs to.
func groupOf(e emojiEntry) string {
	for _, g := range groups {
		if slices.Contains(g.members, e.Group) {
			return g.name
		}
	}
	return others
}

// Report says what an import made, and which images the packages lack. It is
// written to report.json.
type Report struct {
	Rows    int                 `json:"rows"`    // of the pool
	Images  map[string]int      `json:"images"`  // by vendor
	Classes map[string]int      `json:"classes"` // by group
	Missing map[string][]string `json:"missing"` // labels by vendor, in the order of the emoji
}

// Import reads the packages below from, and fills the folder to:
//
//	pool/NNNNN.parquet, pool/NNNNN.tar   LAION's columns, key and label; img2dataset's layout
//	test/VENDOR/GROUP/                   evaluation sets in CLIP_benchmark's layout
//	test/both/GROUP/                     the images of both vendors in one
//	seen/VENDOR/GROUP/                   the same of a pool's vendor, with the classes it has drawn:
//	                                     what was trained on
//	seen/all/GROUP/                      those of the vendors that have drawn every class: labelled
//	                                     images, several of each
//	captions/VENDOR/                     everything a test vendor has drawn, with captions made as
//	                                     the pool's are: for retrieval both ways
//	GROUP.json                           class names of the group, in the sets' order
//	report.json, LICENSES.md
//
// A class is an emoji that both test vendors have drawn, so that their sets have
// the same classes. To must not exist, or be empty; it appears when all is done. A
// package that is missing is an error that says how to fetch it; an image that is
// missing is left out and named in the report; one that does not decode is an
// error. The same input gives the same bytes.
func Import(ctx context.Context, from, to string, o Options) error {
	if o.Size < 0 || o.Size > 1024 {
		return fmt.Errorf("size: %d is not in 0 to 1024", o.Size)
	}
	if err := checkEmpty(to); err != nil {
		return err
	}
	src, err := openPackages(from)
	if err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(to))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, ".import-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	im := importer{src: src, dir: work, options: o, drawn: map[string][]byte{}, report: Report{Images: map[string]int{}, Classes: map[string]int{}, Missing: map[string][]string{}}}
	if err := im.run(ctx); err != nil {
		return err
	}
	os.Remove(to) // an empty folder would be in the way
	return os.Rename(work, to)
}

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("folder %s: is not empty; remove it first", dir)
	}
	return err
}

// importer is one Import under way.
type importer struct {
	src     *packages
	dir     string
	options Options
	report  Report
	drawn   map[string][]byte // what draw made, by path: most drawings stand in two places
}

func (im *importer) run(ctx context.Context) error {
	if err := im.writePool(ctx); err != nil {
		return err
	}
	for _, g := range groups {
		if err := im.writeGroup(ctx, g.name); err != nil {
			return err
		}
	}
	for _, v := range testVendors {
		if err := im.writeCaptions(ctx, v); err != nil {
			return err
		}
	}
	if err := im.writeJSON("report.json", im.report); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(im.dir, "LICENSES.md"), []byte(licenses), 0o644)
}

func (im *importer) writeJSON(name string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(im.dir, name), append(raw, '\n'), 0o644)
}

// missing notes an image that a vendor lacks.
func (im *importer) missing(vendor, label string) {
	im.report.Missing[vendor] = append(im.report.Missing[vendor], label)
}

const licenses = `# Whose images these are

Made by "runner import emoji" from the npm packages emoji-datasource-google
(16.0.0, and 3.0.0 for "blob"), -twitter, -emojione, -facebook and -apple,
@lobehub/fluent-emoji-3d and emojibase-data. The code and the JSON of the packages
are under the MIT licence; the images are their makers':

- Google (Noto Emoji, both styles): Apache License 2.0
- Twitter (Twemoji): Creative Commons Attribution 4.0
- EmojiOne 3: EmojiOne's free licence, with limits on commercial use
- Microsoft (Fluent Emoji): MIT licence
- Facebook: copyright Facebook, Inc., no clear licence
- Apple: copyright Apple Inc., not licensed for commercial use

They are here as local input of experiments. Do not commit or pass on this folder,
nor pictures of what is in it.
`
