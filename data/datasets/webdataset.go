package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/shards"
)

// hasTars: classnames.txt tells the webdataset layout.
func hasTars(dir string, _ Options) bool { return isFile(filepath.Join(dir, classesFile)) }

// isFile says whether a regular file is there, or a link to one.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// tarImages reads images by their place in the tars of a split.
type tarImages struct {
	tars    *shards.Set
	samples []shards.Sample
}

func (t *tarImages) read(i int) ([]byte, error) { return t.tars.Read(t.samples[i], nil) }
func (t *tarImages) close() error               { return t.tars.Close() }

// take makes the samples of tars its images, in the order of the tars as they are given, by number
// and not by name, and tells fn each.
func (t *tarImages) take(tars []string, fn func(tar string, s shards.Sample) error) error {
	for _, name := range tars {
		shard := slices.Index(t.tars.Shards(), name)
		for _, sample := range t.tars.Samples() {
			if sample.Shard != shard {
				continue
			}
			if err := fn(name, sample); err != nil {
				return err
			}
			t.samples = append(t.samples, sample)
		}
	}
	return nil
}

// readTars reads the webdataset layout.
func (s *Set) readTars(o Options) (err error) {
	if s.Classes, err = readNames(filepath.Join(s.Dir, classesFile), o.Entry != nil); err != nil {
		return err
	}
	if s.Templates, err = readTemplates(filepath.Join(s.Dir, templatesFile)); err != nil {
		return err
	}
	tars, images, err := openTars(filepath.Join(s.Dir, o.Split))
	if err != nil {
		return err
	}
	s.images = images
	labels := map[string]int{}
	for _, name := range tars {
		if err := s.readLabels(name, labels); err != nil {
			return err
		}
	}
	return images.take(tars, func(tar string, sample shards.Sample) error {
		label, ok := labels[sample.Key]
		if !ok {
			return fmt.Errorf("file %s: image %s has no .cls", tar, sample.Key)
		}
		s.Items = append(s.Items, Item{sample.Key, label})
		return nil
	})
}

// openTars indexes the tars of a split's folder, in which a key is of one image: what is
// predicted of an image is known by it.
func openTars(dir string) (tars []string, images *tarImages, err error) {
	if tars, err = tarNames(dir); err != nil {
		return nil, nil, err
	}
	indexed, err := shards.Index(context.Background(), tars, 0)
	if err != nil {
		return nil, nil, err
	}
	if key, shard, other := indexed.Repeated(); key != "" {
		return nil, nil, errors.Join(fmt.Errorf("shard %s: key %s is also in shard %s", other, key, shard), indexed.Close())
	}
	return tars, &tarImages{tars: indexed}, nil
}

// tarNames lists the tars of a split's folder that nshards.txt counts.
func tarNames(dir string) ([]string, error) {
	name := filepath.Join(dir, shardsFile)
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || n < 1 || n > 1_000_000 {
		return nil, fmt.Errorf("file %s: want the number of tars, got %.20q", name, raw)
	}
	tars := make([]string, n)
	for i := range tars {
		tars[i] = filepath.Join(dir, strconv.Itoa(i)+".tar")
	}
	return tars, nil
}

// readLabels collects the .cls members of a tar.
func (s *Set) readLabels(name string, labels map[string]int) error {
	return shards.Walk(context.Background(), name, func(m shards.Member, body io.Reader) error {
		if m.Ext != "cls" {
			return nil
		}
		if m.Fault != "" {
			return fmt.Errorf("key %s: .cls %s", m.Key, m.Fault)
		}
		raw, err := io.ReadAll(io.LimitReader(body, 32))
		if err != nil {
			return err
		}
		label, err := strconv.Atoi(strings.TrimSpace(string(raw)))
		if err != nil {
			return fmt.Errorf("key %s: label %q is not a number", m.Key, raw)
		}
		if label < 0 || label >= len(s.Classes) {
			return fmt.Errorf("key %s: label %d is not one of %d classes", m.Key, label, len(s.Classes))
		}
		labels[m.Key] = label
		return nil
	})
}
