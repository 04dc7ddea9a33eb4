package datasets

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/datasets/catalogue"
	"react/data/torchfile"
)

// cifarForm is a form in which CIFAR-10 or CIFAR-100 is published: a folder of batches, or the
// archive that unpacks to it. A batch is a pickle, or records of labels and 3,072 bytes of pixels.
type cifarForm struct {
	bench           string
	folder, archive string
	batches         map[string][]string
	names           string // file of the class names
	label           int    // byte of a record that is the label; -1 for pickles
	header          int    // bytes of a record before the pixels
	key             string // of the labels in a pickle
	namesKey        string
}

var cifarForms = []cifarForm{
	{bench: "cifar-10", folder: "cifar-10-batches-py", archive: "cifar-10-python.tar.gz", names: "batches.meta", label: -1, key: "labels", namesKey: "label_names",
		batches: map[string][]string{"train": {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"}, testFolder: {"test_batch"}}},
	{bench: "cifar-100", folder: "cifar-100-python", archive: "cifar-100-python.tar.gz", names: "meta", label: -1, key: "fine_labels", namesKey: "fine_label_names",
		batches: map[string][]string{"train": {"train"}, testFolder: {"test"}}},
	{bench: "cifar-10", folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz", names: "batches.meta.txt", label: 0, header: 1,
		batches: map[string][]string{"train": {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}, testFolder: {"test_batch.bin"}}},
	{bench: "cifar-100", folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz", names: "fine_label_names.txt", label: 1, header: 2,
		batches: map[string][]string{"train": {"train.bin"}, testFolder: {"test.bin"}}},
}

// Sides and bytes of CIFAR's images.
const (
	cifarSide  = 32
	cifarBytes = 3 * cifarSide * cifarSide
)

// cifarPlace is where a form of CIFAR lies: a folder, or an archive.
type cifarPlace struct{ folder, archive string }

// cifarIn finds a form of CIFAR in a folder: of the benchmark that is asked for, else the first.
func cifarIn(dir string, e *catalogue.Entry) (cifarForm, cifarPlace, bool) {
	for _, form := range cifarForms {
		if e != nil && e.Name != form.bench {
			continue
		}
		for _, folder := range []string{filepath.Join(dir, form.folder), dir} {
			if isFile(filepath.Join(folder, form.batches[testFolder][0])) && isFile(filepath.Join(folder, form.names)) {
				return form, cifarPlace{folder: folder}, true
			}
		}
		if archive := filepath.Join(dir, form.archive); isFile(archive) {
			return form, cifarPlace{archive: archive}, true
		}
	}
	return cifarForm{}, cifarPlace{}, false
}

func (p cifarPlace) read(form cifarForm, names ...string) (map[string][]byte, error) {
	if p.archive != "" {
		return membersOf(p.archive, form.folder, names)
	}
	return filesOf(p.folder, names)
}

func hasCIFAR(dir string, o Options) bool { _, _, ok := cifarIn(dir, o.Entry); return ok }

// readCIFAR reads CIFAR-10 or CIFAR-100 as its authors give it out.
func (s *Set) readCIFAR(o Options) error {
	form, place, _ := cifarIn(s.Dir, o.Entry)
	names := form.batches[o.Split]
	if len(names) == 0 {
		return fmt.Errorf("set %s: no split %q: %s has train and test", s.Dir, o.Split, form.bench)
	}
	raw, err := place.read(form, append([]string{form.names}, names...)...)
	if err != nil {
		return err
	}
	if s.Classes, err = form.classes(raw[form.names]); err != nil {
		return fmt.Errorf("set %s: file %s: %w", s.Dir, form.names, err)
	}
	p := &pixels{wide: cifarSide, high: cifarSide, planes: 3}
	s.images = p
	for _, name := range names {
		labels, images, err := form.batch(raw[name])
		if err != nil {
			return fmt.Errorf("set %s: file %s: %w", s.Dir, name, err)
		}
		for i, label := range labels {
			s.Items = append(s.Items, Item{name + "/" + strconv.Itoa(i), label})
			p.of = append(p.of, images[i])
		}
	}
	if o.Entry == nil {
		s.known, err = catalogue.Find(form.bench)
	}
	return err
}

// classes are the names that the files give to the labels.
func (f cifarForm) classes(raw []byte) ([]string, error) {
	if f.label >= 0 {
		return strings.Fields(string(raw)), nil
	}
	meta, err := torchfile.Plain(raw)
	if err != nil {
		return nil, err
	}
	list, _ := meta[f.namesKey].([]any)
	var names []string
	for _, item := range list {
		name, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("a name in %s is none", f.namesKey)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no %s", f.namesKey)
	}
	return names, nil
}

// batch gives the labels and the pixels of a file's images.
func (f cifarForm) batch(raw []byte) (labels []int, images [][]byte, err error) {
	if f.label >= 0 {
		size := f.header + cifarBytes
		if len(raw) == 0 || len(raw)%size != 0 {
			return nil, nil, fmt.Errorf("%d bytes are no records of %d: cut short or damaged", len(raw), size)
		}
		for ; len(raw) > 0; raw = raw[size:] {
			labels, images = append(labels, int(raw[f.label])), append(images, raw[f.header:size:size])
		}
		return labels, images, nil
	}
	batch, err := torchfile.Plain(raw)
	if err != nil {
		return nil, nil, err
	}
	list, _ := batch[f.key].([]any)
	data, ok := batch["data"].(torchfile.Array)
	if !ok || !slices.Equal(data.Shape, []int{len(list), cifarBytes}) {
		return nil, nil, fmt.Errorf("want data, %d rows of %d bytes, and %s; it has an array of shape %v and %d labels", len(list), cifarBytes, f.key, data.Shape, len(list))
	}
	values := []byte(data.Values)
	for i, item := range list {
		label, ok := item.(int64)
		if !ok {
			return nil, nil, fmt.Errorf("label %d is no number", i)
		}
		labels, images = append(labels, int(label)), append(images, values[i*cifarBytes:][:cifarBytes:cifarBytes])
	}
	return labels, images, nil
}

// filesOf reads files of a folder.
func filesOf(folder string, names []string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, name := range names {
		raw, err := readFile(filepath.Join(folder, name), maxArchive, "such file")
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return out, nil
}

// membersOf reads members of a folder in a .tar.gz, which are small beside what memory holds. The
// whole is bounded too: a gzip may hold a thousand times its size.
func membersOf(archive, folder string, names []string) (map[string][]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := readMembers(f, folder, names, maxArchive)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", archive, err)
	}
	return out, nil
}

func readMembers(r io.Reader, folder string, names []string, limit int64) (map[string][]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	all := &io.LimitedReader{R: z, N: limit}
	out := map[string][]byte{}
	for t := tar.NewReader(all); len(out) < len(names); {
		h, err := t.Next()
		if all.N <= 0 {
			return nil, fmt.Errorf("holds over %d MiB, which no such file does", limit>>20)
		}
		if errors.Is(err, io.EOF) {
			missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return out[n] != nil })
			return nil, fmt.Errorf("no member %s/%s", folder, missing[0])
		}
		if err != nil {
			return nil, err
		}
		dir, name := path.Split(path.Clean(h.Name))
		if h.Typeflag != tar.TypeReg || strings.Trim(dir, "/") != folder || !slices.Contains(names, name) || out[name] != nil {
			continue
		}
		if out[name], err = readAtMost(t, limit); err != nil {
			if all.N <= 0 {
				err = fmt.Errorf("holds over %d MiB, which no such file does", limit>>20)
			}
			return nil, fmt.Errorf("member %s: %w", h.Name, err)
		}
	}
	return out, nil
}

// cifarSplit are the archive, or the batches of a split and what names the classes.
func cifarSplit(dir string, o Options) ([]string, error) {
	form, place, _ := cifarIn(dir, o.Entry)
	if place.archive != "" {
		return []string{place.archive}, nil
	}
	names := []string{filepath.Join(place.folder, form.names)}
	for _, batch := range form.batches[o.Split] {
		names = append(names, filepath.Join(place.folder, batch))
	}
	return present(names...), nil
}
