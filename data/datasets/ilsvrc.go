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

	"react/data/datasets/catalogue"
	"react/data/delimited"
	"react/data/matfile"
	"react/data/shards"
)

// Files of ILSVRC 2012's validation set: images numbered from 1, and the devkit with their labels,
// which count the devkit's own ids.
const (
	ilsvrcTrain  = "ILSVRC2012_img_train.tar"
	ilsvrcTar    = "ILSVRC2012_img_val.tar"
	ilsvrcDevkit = "ILSVRC2012_devkit_t12/data"
	ilsvrcLabels = "ILSVRC2012_validation_ground_truth.txt"
	ilsvrcMeta   = "meta.mat"
)

// hasILSVRC: the tar of the validation images, or a folder of them that is not sorted by class; of
// the training images, the tar of tars.
func hasILSVRC(dir string, o Options) bool {
	if o.Split == "train" {
		return isFile(filepath.Join(dir, ilsvrcTrain)) && !holdsFolders(filepath.Join(dir, "train"))
	}
	return o.Split == testFolder && (isFile(filepath.Join(dir, ilsvrcTar)) || ilsvrcFolder(dir) != "")
}

// ilsvrcFolder is where the first image lies: DIR/val, DIR/ILSVRC2012_img_val or DIR.
func ilsvrcFolder(dir string) string {
	for _, name := range []string{"val", "ILSVRC2012_img_val", "."} {
		if isFile(filepath.Join(dir, name, ilsvrcImage(1))) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// ilsvrcImages begins the names of the validation images.
const ilsvrcImages = "ILSVRC2012_val_"

func ilsvrcImage(number int) string { return fmt.Sprintf("%s%08d.JPEG", ilsvrcImages, number) }

// readILSVRC reads the validation images with the devkit's labels, which are turned into the order
// of WordNet ids.
func (s *Set) readILSVRC(o Options) error {
	if o.Entry == nil {
		s.Classes = catalogue.WordNetIDs()
	}
	if o.Split == "train" {
		return s.ilsvrcTrain(filepath.Join(s.Dir, ilsvrcTrain))
	}
	devkit := filepath.Join(s.Dir, filepath.FromSlash(ilsvrcDevkit))
	labels, err := readILSVRCLabels(devkit)
	if err != nil {
		return err
	}
	for i, label := range labels {
		s.Items = append(s.Items, Item{strings.TrimSuffix(ilsvrcImage(i+1), ".JPEG"), label})
	}
	if dir := ilsvrcFolder(s.Dir); dir != "" {
		return s.ilsvrcFiles(dir)
	}
	return s.ilsvrcTar(filepath.Join(s.Dir, ilsvrcTar))
}

// readILSVRCLabels gives the label of each image.
func readILSVRCLabels(devkit string) ([]int, error) {
	label, err := devkitLabels(filepath.Join(devkit, ilsvrcMeta))
	if err != nil {
		return nil, err
	}
	name := filepath.Join(devkit, ilsvrcLabels)
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []int
	for i, line := range delimited.Split(raw) {
		id, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("file %s: line %d: %q is not a number", name, i+1, line)
		}
		l, ok := label[id]
		if !ok {
			return nil, fmt.Errorf("file %s: line %d: %s has no class %d", name, i+1, ilsvrcMeta, id)
		}
		out = append(out, l)
	}
	return out, nil
}

// devkitLabels maps the devkit's ids of the classes (not of their groups, which it lists too) to
// labels by WordNet id.
func devkitLabels(meta string) (map[int]int, error) {
	vars, err := matfile.Read(meta)
	if err != nil {
		return nil, err
	}
	fields := vars["synsets"].Fields
	ids, wnids := fields["ILSVRC2012_ID"], fields["WNID"]
	if len(ids) == 0 || len(ids) != len(wnids) {
		return nil, fmt.Errorf("file %s: no synsets with ILSVRC2012_ID and WNID", meta)
	}
	order := catalogue.WordNetIDs()
	label := map[int]int{}
	for i, id := range ids {
		if at := slices.Index(order, wnids[i].Text); at >= 0 && len(id.Numbers) == 1 {
			label[int(id.Numbers[0])] = at
		}
	}
	return label, nil
}

func (s *Set) ilsvrcFiles(dir string) error {
	var files fileImages
	missing, first := 0, ""
	for _, item := range s.Items {
		name := filepath.Join(dir, item.Key+".JPEG")
		files = append(files, name)
		if !isFile(name) {
			if missing++; missing == 1 {
				first = name
			}
		}
	}
	s.images = files
	if missing > 0 {
		return fmt.Errorf("set %s: %d of %d validation images are not there, the first is %s", s.Dir, missing, len(files), first)
	}
	return nil
}

// ilsvrcTar notes where each image lies in the tar, which is never unpacked.
func (s *Set) ilsvrcTar(name string) error {
	images, all, err := s.openTar(name)
	if err != nil {
		return err
	}
	images.at = make([]span, len(s.Items))
	place := map[string]int{}
	for i, item := range s.Items {
		place[item.Key+".JPEG"] = i
	}
	err = eachMember(images.f, all, func(member string, at span) error {
		if i, ok := place[filepath.Base(member)]; ok {
			images.at[i] = at
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	if i := slices.Index(images.at, span{}); i >= 0 {
		return fmt.Errorf("file %s: no image %s", name, s.Items[i].Key)
	}
	return nil
}

// ilsvrcTrain notes where each training image lies: the tar holds one of each class, WNID.tar.
// Items are in the order of unpacked folders.
func (s *Set) ilsvrcTrain(name string) error {
	images, whole, err := s.openTar(name)
	if err != nil {
		return err
	}
	type placed struct {
		Item
		at span
	}
	var all []placed
	order := catalogue.WordNetIDs()
	err = eachMember(images.f, whole, func(class string, at span) error {
		id := strings.TrimSuffix(filepath.Base(class), ".tar")
		label := slices.Index(order, id)
		if label < 0 {
			return fmt.Errorf("member %s is no class of ImageNet-1K (WNID.tar, such as n01440764.tar)", class)
		}
		err := eachMember(images.f, at, func(member string, at span) error {
			all = append(all, placed{Item{id + "/" + filepath.Base(member), label}, at})
			return nil
		})
		if err != nil {
			return fmt.Errorf("member %s: %w", class, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	slices.SortFunc(all, func(a, b placed) int { return strings.Compare(a.Key, b.Key) })
	for _, p := range all {
		s.Items, images.at = append(s.Items, p.Item), append(images.at, p.at)
	}
	return nil
}

// openTar makes a tar the set's images, and gives where it lies in its file.
func (s *Set) openTar(name string) (*tarSpans, span, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, span{}, err
	}
	images := &tarSpans{f: f}
	s.images = images
	info, err := f.Stat()
	if err != nil {
		return nil, span{}, err
	}
	return images, span{0, info.Size()}, nil
}

type span struct{ offset, size int64 }

// eachMember gives the names and places of a tar's files; the tar is a part of a file. Contents are
// passed over, not read.
func eachMember(f *os.File, in span, fn func(name string, at span) error) error {
	part := io.NewSectionReader(f, in.offset, in.size)
	return shards.WalkIn(context.Background(), part, in.size, func(m shards.Member, _ io.Reader) error {
		if m.Fault != "" {
			return fmt.Errorf("member %s %s", m.Name, m.Fault)
		}
		return fn(m.Name, span{in.offset + m.Offset, m.Size})
	})
}

// tarSpans reads members of an open tar by place.
type tarSpans struct {
	f  *os.File
	at []span
}

func (t *tarSpans) read(i int) ([]byte, error) {
	raw := make([]byte, t.at[i].size)
	_, err := t.f.ReadAt(raw, t.at[i].offset)
	if errors.Is(err, io.EOF) && len(raw) > 0 {
		err = fmt.Errorf("file %s: ends early", t.f.Name())
	}
	return raw, err
}

func (t *tarSpans) close() error { return t.f.Close() }
