package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"react/data/datasets"
	"react/ops/embed"
	"react/runner/spec/mistake"
)

// sameTask refuses sets of generated pools that an evaluation cannot learn from: those without
// images to train on, and those of other classes than the test images have. It needs no data.
func (c *composer) sameTask(train, test imagesOf) error {
	if train.field == "dataset" && strings.HasPrefix(train.ref, "pool:") {
		return c.wrong(train.path+".train",
			"missing: the sets of a world pool have test images only (a folder, or a set of another world pool)")
	}
	learned, tested := c.poolClasses(train.ref), c.poolClasses(test.ref)
	if learned == nil || tested == nil || slices.Equal(learned, tested) {
		return nil
	}
	return c.wrong(train.path+"."+train.field, "%d classes (the first %q), and the test images of %s have %d "+
		"(the first %q): not the same task", len(learned), learned[0], test.ref, len(tested), tested[0])
}

// wrong is a mistake of the file that shows where stages are made of it.
func (b *builder) wrong(path, format string, args ...any) error {
	return b.wrongAt(path, nil, format, args...)
}

// wrongAt is wrong of a value that the sweep may give.
func (b *builder) wrongAt(path string, value any, format string, args ...any) error {
	return mistake.Errors{{Pos: b.at.PlaceOf(path, value), Path: path, Msg: fmt.Sprintf(format, args...)}}
}

// leak refuses labelled images to learn from that are test images too, as far as the files' digests
// say so: the same set, or a file that is in both. What is inside archives, and splits of one
// folder, are compared by CheckInputs.
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
