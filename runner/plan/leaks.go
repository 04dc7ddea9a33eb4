package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"react/data/datasets"
	"react/ops/embed"
)

// leak refuses labelled images to learn from that are test images too, as far as the files' digests say so: the same set, or a file that is in both. What
// is inside archives, and splits of one folder, are compared by CheckInputs.
func (c *composer) leak(field string, train, test *Stage) error {
	if c.opts.Unseen {
		return nil
	}
	if train == test || sameImages(train, test) {
		return FieldError{field, errors.New("the images to learn from are the test images (another folder, or another split)")}
	}
	a, b := train.Files["dataset"], test.Files["dataset"]
	if a.Root == b.Root { // splits of one folder
		return nil
	}
	at := map[string]string{}
	for _, path := range b.Paths {
		if !datasets.IsImage(path) && filepath.Ext(path) != ".tar" {
			continue
		}
		digest, err := c.builder.digestOf(path)
		if err != nil {
			return err
		}
		at[digest] = path
	}
	shared, first := 0, ""
	for _, path := range a.Paths {
		digest, err := c.builder.digestOf(path)
		if err != nil {
			return err
		}
		if other, ok := at[digest]; ok {
			if shared++; shared == 1 {
				first = fmt.Sprintf("%s is %s", path, other)
			}
		}
	}
	if shared > 0 {
		return FieldError{field, fmt.Errorf("files shared with the test images: %d (%s); a model would be tested on what it learned from (runner data check names them)", shared, first)}
	}
	return nil
}

// sameImages says whether two stages read the same images, however many of them may be lost.
func sameImages(a, b *Stage) bool {
	of := func(s *Stage) (p embed.FeaturesParams, ok bool) {
		ok = s.Op == "features" && json.Unmarshal(s.Params, &p) == nil
		p.MaxBadShare = 0
		return p, ok
	}
	p, ok := of(a)
	q, also := of(b)
	return ok && also && p == q && a.In["dataset"] == b.In["dataset"] && reflect.DeepEqual(a.Files["dataset"], b.Files["dataset"]) &&
		reflect.DeepEqual(a.Files["list"], b.Files["list"])
}
