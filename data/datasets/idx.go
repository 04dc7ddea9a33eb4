package datasets

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"react/data/datasets/catalogue"
)

// idxPlaces are where IDX files lie: in the folder, or as torchvision keeps them.
var idxPlaces = []string{".", "raw", "MNIST/raw", "FashionMNIST/raw", "data"}

// idxStarts are how the files of splits begin.
var idxStarts = map[string]string{"train": "train", testFolder: "t10k"}

// idxFile is a file of a split, "" where it is not there. MNIST's are train-images-idx3-ubyte.gz,
// t10k-labels-idx1-ubyte.gz and so on, packed or not; some copies have a dot for the second dash.
func idxFile(dir, split, what string, rank int) string {
	start, ok := idxStarts[split]
	if !ok {
		return ""
	}
	for _, place := range idxPlaces {
		for _, dash := range []string{"-", "."} {
			name := fmt.Sprintf("%s-%s%sidx%d-ubyte", start, what, dash, rank)
			for _, ending := range []string{"", ".gz"} {
				if path := filepath.Join(dir, filepath.FromSlash(place), name+ending); isFile(path) {
					return path
				}
			}
		}
	}
	return ""
}

func idxFiles(dir, split string) (images, labels string) {
	return idxFile(dir, split, "images", 3), idxFile(dir, split, "labels", 1)
}

// hasIDX is true where any split is there: a split that is not is then said so.
func hasIDX(dir string, _ Options) bool {
	for split := range idxStarts {
		if images, labels := idxFiles(dir, split); images != "" || labels != "" {
			return true
		}
	}
	return false
}

// readIDX reads MNIST's format. Without an entry the classes are those that a list beside the files
// names, those of the benchmark whose labels they are, or numbers.
func (s *Set) readIDX(o Options) error {
	images, labels := idxFiles(s.Dir, o.Split)
	if images == "" || labels == "" {
		return fmt.Errorf("set %s: no split %q: want train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k- for test, packed with gzip or not", s.Dir, o.Split)
	}
	raw, closeImages, err := openPlain(images)
	if err != nil {
		return err
	}
	p := &pixels{planes: 1, closers: []func() error{closeImages}}
	s.images = p
	if err := p.takeIDX(raw); err != nil {
		return fmt.Errorf("file %s: %w", images, err)
	}
	raw, closeLabels, err := openPlain(labels)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, closeLabels)
	dims, values, err := parseIDX(raw)
	if err == nil && (len(dims) != 1 || dims[0] != len(p.of)) {
		err = fmt.Errorf("labels of dimensions %v for %d images", dims, len(p.of))
	}
	if err == nil {
		err = s.knownLabels(raw)
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", labels, err)
	}
	for i, l := range values {
		s.Items = append(s.Items, Item{strconv.Itoa(i), int(l)})
	}
	if o.Entry == nil {
		return s.nameNumbers(values)
	}
	return nil
}

// takeIDX divides a file of images.
func (p *pixels) takeIDX(raw []byte) error {
	dims, values, err := parseIDX(raw)
	if err != nil {
		return err
	}
	if len(dims) != 3 || dims[1] < 1 || dims[2] < 1 || dims[1] > maxSide || dims[2] > maxSide {
		return fmt.Errorf("dimensions %v are not those of images", dims)
	}
	p.high, p.wide = dims[1], dims[2]
	for area := p.wide * p.high; len(values) > 0; values = values[area:] {
		p.of = append(p.of, values[:area:area])
	}
	return nil
}

// maxSide bounds the sides of images that are bare pixels.
const maxSide = 1 << 14

// parseIDX reads the header: two zeros, the type, the number of dimensions, each of them, then the
// values, of which only bytes are read.
func parseIDX(raw []byte) (dims []int, values []byte, err error) {
	if len(raw) < 4 || raw[0] != 0 || raw[1] != 0 {
		return nil, nil, fmt.Errorf("not an IDX file: it starts with %q", raw[:min(4, len(raw))])
	}
	if raw[2] != 0x08 {
		return nil, nil, fmt.Errorf("IDX values of type 0x%02x; unsigned bytes (0x08) are read", raw[2])
	}
	rank := int(raw[3])
	if rank < 1 || rank > 4 || len(raw) < 4+4*rank {
		return nil, nil, errors.New("an IDX header that ends early")
	}
	values = raw[4+4*rank:]
	size := uint64(1)
	for i := range rank {
		d := binary.BigEndian.Uint32(raw[4+4*i:])
		dims = append(dims, int(d))
		if size *= uint64(d); size > maxArchive {
			break
		}
	}
	if size != uint64(len(values)) {
		return nil, nil, fmt.Errorf("dimensions %v, and %d bytes follow the header: cut short or damaged", dims, len(values))
	}
	return dims, values, nil
}

// knownLabels refuses the labels of one benchmark under another's name, which has the same files:
// all names would be wrong and nothing else would show it. Without an entry it names the classes.
func (s *Set) knownLabels(raw []byte) error {
	sum := md5.Sum(raw)
	e := catalogue.OfPlain(hex.EncodeToString(sum[:]))
	switch {
	case e == nil:
		return nil
	case s.Entry == nil:
		s.known = e
		for _, names := range e.Classes {
			s.Classes = append(s.Classes, names[0])
		}
	case s.Entry.Name != e.Name:
		return fmt.Errorf("the labels are those of %s, not of %s", e.Name, s.Entry.Name)
	}
	return nil
}

// nameNumbers names classes that files only number: by a list beside them, else by their numbers.
func (s *Set) nameNumbers(labels []byte) error {
	if list := labelFile(s.Dir); list != "" {
		var err error
		s.Classes, err = readNames(list, false)
		return err
	}
	if len(s.Classes) > 0 || len(labels) == 0 {
		return nil
	}
	for i := range int(slices.Max(labels)) + 1 {
		s.Classes = append(s.Classes, strconv.Itoa(i))
	}
	return nil
}

// idxSplit are the files of a split, and the list that names the classes.
func idxSplit(dir string, o Options) ([]string, error) {
	images, labels := idxFiles(dir, o.Split)
	return present(images, labels, labelFile(dir)), nil
}
