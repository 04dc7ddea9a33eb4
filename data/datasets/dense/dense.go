// Package dense looks for what is wrong with the files of a benchmark of boxes or of label maps
// before a model runs on them. A file that cannot be read is an error with its place; what can be
// read and would spoil the figures is counted, by cause, with the first place of each.
//
//   - Boxes: COCO's or LVIS's JSON, with its pictures and with results or proposals
//   - VOC: Pascal VOC's XML
//   - LabelMaps: PNGs of a scheme, with their pictures
package dense

import (
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the sizes of pictures
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"

	"react/data/datasets"
	"react/data/words"
)

// Report is what was found.
type Report struct {
	Summary  []string // one line for each file
	Findings []datasets.Finding
}

// counts are causes with the number of their cases and the place of the first.
type counts struct {
	order []cause
	n     map[cause]int
	first map[cause]string
}

// cause is one thing that can be wrong, in words that follow a number: "box", " without area".
type cause struct {
	one, rest string
	do        string
	warning   bool
}

// irregular are plurals that no s makes.
var irregular = map[string]string{"box": "boxes", "category": "categories", "class": "classes"}

// The causes.
var (
	missingPicture = cause{one: "picture", rest: " not in the folder", do: "fetch it, or give another folder with --images"}
	otherPicture   = cause{one: "picture", rest: " of another size than the file says"}
	turnedPicture  = cause{one: "picture", rest: " with width and height swapped", do: "boxes are of the picture before its EXIF turn"}
	noPictureSize  = cause{one: "picture", rest: " without a size in the file"}
	idTwice        = cause{one: "id", rest: " given twice"}
	zeroID         = cause{one: "annotation", rest: " with id 0", do: "pycocotools never matches it; here it gets an id of its own", warning: true}
	noArea         = cause{one: "annotation", rest: " without area", do: "it gets its box's, and pycocotools refuses the file", warning: true}
	noPicture      = cause{one: "annotation", rest: " of a picture that the file does not have"}
	noCategory     = cause{one: "annotation", rest: " of a category that the file does not name"}
	emptyBox       = cause{one: "box", rest: " without area"}
	outsideBox     = cause{one: "box", rest: " outside of the picture"}
	beyondBox      = cause{one: "box", rest: " over the picture's edge by a pixel or more", do: "it is cut there", warning: true}
	badShape       = cause{one: "outline", rest: " that gives no mask"}
	unknownClass   = cause{one: "category", rest: " that the benchmark does not have"}
	lackingClass   = cause{one: "class", rest: " of the benchmark that the file does not have"}
	strangeResult  = cause{one: "result", rest: " of a picture that is not in the set"}
	strangeClass   = cause{one: "result", rest: " of a category that is not in the set"}
	noProbability  = cause{one: "score", rest: " outside of 0 to 1", do: "they are no probabilities: say raw where they are logits"}
	noMap          = cause{one: "label map", rest: " that cannot be read by the scheme"}
	otherMap       = cause{one: "label map", rest: " of another size than its picture"}
	mapAlone       = cause{one: "label map", rest: " without a picture"}
)

func (c *counts) add(what cause, where string) {
	if c.n == nil {
		c.n, c.first = map[cause]int{}, map[cause]string{}
	}
	if c.n[what] == 0 {
		c.order, c.first[what] = append(c.order, what), where
	}
	c.n[what]++
}

func (c *counts) findings() []datasets.Finding {
	var out []datasets.Finding
	for _, what := range c.order {
		text := words.Plural(c.n[what], what.one) + what.rest
		if many := irregular[what.one]; many != "" && c.n[what] > 1 {
			text = fmt.Sprint(c.n[what], " ", many, what.rest)
		}
		if c.n[what] > 1 {
			text += ", the first: " + c.first[what]
		} else {
			text += ": " + c.first[what]
		}
		out = append(out, datasets.Finding{What: text, Do: what.do, Warning: what.warning})
	}
	return out
}

// picture compares a picture's file with the size that the annotations have it in; quick only asks
// whether it is there.
func (c *counts) picture(dir, name string, height, width int, quick bool) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("picture %q is not below the folder of pictures", name)
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if quick {
		if _, err := os.Stat(path); err != nil {
			c.add(missingPicture, name)
		}
		return nil
	}
	h, w, err := size(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.add(missingPicture, name)
	case err != nil:
		return fmt.Errorf("picture %s: %w", path, err)
	case h == width && w == height && h != w:
		c.add(turnedPicture, name)
	case height > 0 && (h != height || w != width):
		c.add(otherPicture, fmt.Sprintf("%s has %d×%d pixels (height by width), the file says %d×%d",
			name, h, w, height, width))
	}
	return nil
}

// size is a picture's height and width as its file stores it.
func size(path string) (height, width int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	config, _, err := image.DecodeConfig(f)
	return config.Height, config.Width, err
}
