package emoji

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"react/data/jsonfile"
	"slices"
	"strings"
	"unicode/utf8"
)

// howToFetch ends the errors about packages.
const howToFetch = "run `make emoji`, or .ci/install-emoji's npm install in that folder"

// packages is what is read of the npm packages; images stay on disk.
type packages struct {
	emojis []emojiEntry                 // in emojibase's order
	images map[string]map[string]string // vendor → code → path of the image
}

// emojiEntry is an emoji of emojibase's data.json, or one of its variants.
type emojiEntry struct {
	Label   string       `json:"label"`
	Hexcode string       `json:"hexcode"`
	Tags    []string     `json:"tags"`
	Group   int          `json:"group"`
	Order   int          `json:"order"` // 0: a part of an emoji, such as one letter of a flag
	Skins   []emojiEntry `json:"skins"`
}

// imageEntry is an emoji of a vendor's emoji.json, or one of its variants.
type imageEntry struct {
	Unified string                `json:"unified"`
	Image   string                `json:"image"`
	Skins   map[string]imageEntry `json:"skin_variations"`
}

// openPackages reads the JSON of the packages in from/node_modules, or in from.
func openPackages(from string) (*packages, error) {
	root := filepath.Join(from, "node_modules")
	if _, err := os.Stat(root); err != nil {
		root = from
	}
	src := &packages{images: map[string]map[string]string{}}
	for _, v := range slices.Concat(poolVendors, testVendors) {
		index, err := v.index(root)
		if err != nil {
			return nil, err
		}
		src.images[v.name] = index
	}
	var all []emojiEntry
	if err := readJSON(filepath.Join(root, "emojibase-data", "en", "data.json"), &all); err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, e := range all {
		if e.Order == 0 {
			continue
		}
		if e.Label == "" || !utf8.ValidString(e.Label) || strings.ContainsAny(e.Label, "\r\n") {
			return nil, fmt.Errorf("package emojibase-data: emoji %s: label %q is none", e.Hexcode, e.Label)
		}
		if first, ok := seen[e.Label]; ok {
			return nil, fmt.Errorf("package emojibase-data: emoji %s and %s have the same label %q", first, e.Hexcode, e.Label)
		}
		seen[e.Label] = e.Hexcode
		src.emojis = append(src.emojis, e)
	}
	if len(src.emojis) == 0 {
		return nil, fmt.Errorf("package emojibase-data: en/data.json has no emoji; %s", howToFetch)
	}
	return src, nil
}

// vendor is who drew emoji, and where its images lie under node_modules.
type vendor struct {
	name   string
	pkg    string // folder of the package
	images string // folder of the images in it
	// coded says that there is no emoji.json: the files are named by their code.
	coded bool
}

// index finds the path of each image of a vendor by its code; emoji that the
// vendor has not drawn are not in the index.
func (v vendor) index(root string) (map[string]string, error) {
	folder := filepath.Join(root, v.pkg, v.images)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) == 0 {
		return nil, missingPackage(folder, err)
	}
	index := map[string]string{}
	if v.coded {
		for _, file := range files {
			name := strings.TrimSuffix(file.Name(), filepath.Ext(file.Name()))
			index[code(strings.ToUpper(name))] = filepath.Join(folder, file.Name())
		}
		return index, nil
	}
	var entries []imageEntry
	if err := readJSON(filepath.Join(root, v.pkg, "emoji.json"), &entries); err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, file := range files {
		there[file.Name()] = true
	}
	var add func(e imageEntry)
	add = func(e imageEntry) {
		if there[e.Image] {
			index[code(e.Unified)] = filepath.Join(folder, e.Image)
		}
		for _, skin := range e.Skins {
			add(skin)
		}
	}
	for _, e := range entries {
		add(e)
	}
	return index, nil
}

// code is an emoji's code points without the variation selector, which the two data
// sets do not put in the same places.
func code(hexcode string) string { return strings.ReplaceAll(hexcode, "-FE0F", "") }

func readJSON(path string, into any) error {
	if err := jsonfile.Read(path, into); err != nil {
		return missingPackage(path, err)
	}
	return nil
}

// missingPackage says what is not there and how to fetch it.
func missingPackage(path string, err error) error {
	if err == nil {
		return fmt.Errorf("%s: is empty; %s", path, howToFetch)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: not there; %s", path, howToFetch)
	}
	return err
}
