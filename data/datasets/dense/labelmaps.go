package dense

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"react/data/labelmap"
)

// suffixes are what names of label maps have behind their picture's.
var suffixes = []string{"_labelTrainIds", ""}

// LabelMaps reads every PNG of a folder by the scheme of a benchmark, and compares its size with its
// picture's, where a folder of pictures is given.
func LabelMaps(ctx context.Context, dir string, o Options) (Report, error) {
	scheme, err := labelmap.SchemeOf(o.Entry.Name)
	if err != nil {
		return Report{}, err
	}
	var c counts
	n := 0
	seen := make([]int, labelmap.Ignored+1) // pixels of each label
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(path), ".png") {
			return err
		}
		n++
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		m, err := labelmap.Read(path, scheme)
		if err != nil {
			c.add(noMap, err.Error())
			return nil
		}
		for _, label := range m.Labels {
			seen[label]++
		}
		if o.Images == "" {
			return nil
		}
		return c.mapPicture(m, o.Images, name)
	})
	if err != nil {
		return Report{}, err
	}
	if n == 0 {
		return Report{}, fmt.Errorf("folder %s: no label map (*.png)", dir)
	}
	classes := 0
	for _, pixels := range seen[:scheme.Classes] {
		if pixels > 0 {
			classes++
		}
	}
	summary := fmt.Sprintf("%s: %d label maps with %d of %d classes",
		filepath.Base(dir), n, classes, scheme.Classes)
	return Report{Summary: []string{summary}, Findings: c.findings()}, nil
}

// mapPicture compares a map with its picture, which has its name with another ending.
func (c *counts) mapPicture(m *labelmap.Map, images, name string) error {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	for _, suffix := range suffixes {
		for _, ending := range []string{".jpg", ".png", ".jpeg"} {
			path := filepath.Join(images, strings.TrimSuffix(stem, suffix)+ending)
			h, w, err := size(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("picture %s: %w", path, err)
			}
			if err := m.CheckSize(h, w); err != nil {
				c.add(otherMap, fmt.Sprintf("%s: %v", name, err))
			}
			return nil
		}
	}
	if _, err := os.Stat(images); err != nil {
		return err
	}
	c.add(mapAlone, name)
	return nil
}
