package datasets

import (
	"fmt"
	"os"
	"path"
	"strings"

	"react/data/delimited"
)

// Keep leaves the items that a list names, in the order of the set: a file with a name a line, with
// or without folders and an ending, as SimCLRv2's lists of 1 % and 10 % of ImageNet are. A name
// that the set does not have, or has twice, is an error, and so is a class without images.
func (s *Set) Keep(list string) error {
	raw, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, item := range s.Items {
		name := listedName(item.Key)
		if _, ok := at[name]; ok {
			at[name] = -1
			continue
		}
		at[name] = i
	}
	keep := make([]bool, len(s.Items))
	for n, line := range delimited.Split(raw) {
		name := listedName(strings.TrimSpace(line))
		if name == "" {
			continue
		}
		i, ok := at[name]
		switch {
		case !ok:
			return fmt.Errorf("file %s: line %d: no image %q in %s", list, n+1, name, s.Dir)
		case i < 0:
			return fmt.Errorf("file %s: line %d: several images %q in %s", list, n+1, name, s.Dir)
		case keep[i]:
			return fmt.Errorf("file %s: line %d: image %q is there twice", list, n+1, name)
		}
		keep[i] = true
	}
	s.keep(keep)
	if err := s.check(); err != nil {
		return fmt.Errorf("file %s: of set %s: %w", list, s.Dir, err)
	}
	return nil
}

// listedName is a path's last step without its ending.
func listedName(key string) string {
	name := path.Base(strings.ReplaceAll(key, "\\", "/"))
	if name == "." {
		return ""
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

// Drop leaves out the items at some places, such as images that cannot be read. A class without
// images is then an error.
func (s *Set) Drop(at []int) error {
	s.drop(at)
	if err := s.check(); err != nil {
		return fmt.Errorf("set %s: without the images that cannot be read: %w", s.Dir, err)
	}
	return nil
}

func (s *Set) drop(at []int) {
	keep := make([]bool, len(s.Items))
	for i := range keep {
		keep[i] = true
	}
	for _, i := range at {
		keep[i] = false
	}
	s.keep(keep)
}

// keep drops the other items.
func (s *Set) keep(keep []bool) {
	chosen := &chosenImages{images: s.images}
	var items []Item
	var many [][]int
	for i, k := range keep {
		if !k {
			continue
		}
		items, chosen.at = append(items, s.Items[i]), append(chosen.at, i)
		if s.Many != nil {
			many = append(many, s.Many[i])
		}
	}
	s.Items, s.Many, s.images = items, many, chosen
}

// chosenImages are some of a set's.
type chosenImages struct {
	images
	at []int
}

func (c *chosenImages) read(i int) ([]byte, error) { return c.images.read(c.at[i]) }

func (c *chosenImages) file(i int) string { return (&Set{images: c.images}).File(c.at[i]) }
