package datasets

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/matfile"
)

// Files of ILSVRC 2012's validation set: images numbered from 1, and the devkit with their labels, which count the devkit's own ids.
const (
	ilsvrcTar    = "ILSVRC2012_img_val.tar"
	ilsvrcDevkit = "ILSVRC2012_devkit_t12/data"
	ilsvrcLabels = "ILSVRC2012_validation_ground_truth.txt"
	ilsvrcMeta   = "meta.mat"
)

// hasILSVRC: the tar of the validation images, or a folder of them that is not sorted by class.
func hasILSVRC(dir string, o Options) bool {
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

func ilsvrcImage(number int) string { return fmt.Sprintf("ILSVRC2012_val_%08d.JPEG", number) }

// readILSVRC reads the validation images with the devkit's labels, which are turned into the order of WordNet ids.
func (s *Set) readILSVRC(o Options) error {
	devkit := filepath.Join(s.Dir, filepath.FromSlash(ilsvrcDevkit))
	labels, err := readILSVRCLabels(devkit)
	if err != nil {
		return err
	}
	for i, label := range labels {
		s.Items = append(s.Items, Item{strings.TrimSuffix(ilsvrcImage(i+1), ".JPEG"), label})
	}
	if o.Entry == nil {
		s.Classes = WordNetIDs()
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
	for i, line := range lines(raw) {
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

// devkitLabels maps the devkit's ids of the classes (not of their groups, which it lists too) to labels by WordNet id.
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
	order := WordNetIDs()
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
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	images := &tarSpans{f: f, at: make([]span, len(s.Items))}
	s.images = images
	place := map[string]int{}
	for i, item := range s.Items {
		place[item.Key+".JPEG"] = i
	}
	for t := tar.NewReader(f); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if i, ok := place[filepath.Base(h.Name)]; ok {
			images.at[i] = span{offset, h.Size}
		}
	}
	if i := slices.Index(images.at, span{}); i >= 0 {
		return fmt.Errorf("file %s: no image %s", name, s.Items[i].Key)
	}
	return nil
}

type span struct{ offset, size int64 }

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
