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

// tarImages reads the items of a webdataset by key.
type tarImages struct {
	set  *Set
	tars *shards.Set
}

func (t tarImages) read(i int) ([]byte, error) {
	sample, ok := t.tars.Find(t.set.Items[i].Key)
	if !ok {
		return nil, fmt.Errorf("set %s: no image %s", t.set.Dir, t.set.Items[i].Key)
	}
	return t.tars.Read(sample, nil)
}

func (t tarImages) close() error { return t.tars.Close() }

// readTars reads the webdataset layout.
func (s *Set) readTars(o Options) (err error) {
	if s.Classes, err = readNames(filepath.Join(s.Dir, classesFile), o.Entry != nil); err != nil {
		return err
	}
	if s.Templates, err = readTemplates(filepath.Join(s.Dir, templatesFile)); err != nil {
		return err
	}
	tars, err := tarNames(filepath.Join(s.Dir, o.Split))
	if err != nil {
		return err
	}
	indexed, err := indexTars(tars)
	if err != nil {
		return err
	}
	s.images = tarImages{s, indexed}
	labels := map[string]int{}
	for _, name := range tars {
		if err := s.readLabels(name, labels); err != nil {
			return err
		}
	}
	// In the order of the tars by number, not by name.
	for _, name := range tars {
		shard := slices.Index(indexed.Shards(), name)
		for _, sample := range indexed.Samples() {
			if sample.Shard != shard {
				continue
			}
			label, ok := labels[sample.Key]
			if !ok {
				return fmt.Errorf("file %s: image %s has no .cls", name, sample.Key)
			}
			s.Items = append(s.Items, Item{sample.Key, label})
		}
	}
	return nil
}

// indexTars indexes the tars of a set, in which a key is of one image: what is
// predicted of an image is known by it.
func indexTars(tars []string) (*shards.Set, error) {
	indexed, err := shards.Index(context.Background(), tars, 0)
	if err != nil {
		return nil, err
	}
	if key, shard, other := indexed.Repeated(); key != "" {
		return nil, errors.Join(fmt.Errorf("shard %s: key %s is also in shard %s", other, key, shard), indexed.Close())
	}
	return indexed, nil
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
