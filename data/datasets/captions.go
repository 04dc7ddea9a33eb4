package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/glob"
	"react/data/jsonfile"
	"react/data/lost"
	"react/data/shards"
)

// Captions is a split of images with captions, several to an image. Read may be called
// concurrently.
type Captions struct {
	Dir    string
	Split  string
	Layout string     // karpathy or webdataset
	Keys   []string   // of the images
	Texts  [][]string // of each image, at least one

	Lost lost.Count // images that are listed, and left out since they are not there

	images images
}

// NumTexts is the number of captions of all images.
func (c *Captions) NumTexts() int {
	n := 0
	for _, t := range c.Texts {
		n += len(t)
	}
	return n
}

// Read returns the bytes of image i.
func (c *Captions) Read(i int) ([]byte, error) { return c.images.read(i) }

// Close closes the files.
func (c *Captions) Close() error {
	if c.images == nil {
		return nil
	}
	return c.images.close()
}

// OpenCaptions reads a split of a folder with captions: Karpathy's dataset_NAME.json beside images,
// or webdataset tars with KEY.txt. An image without captions, a caption that is empty and an image
// that is not there are errors.
func OpenCaptions(dir string, o Options) (*Captions, error) {
	if o.Split == "" {
		o.Split = testFolder
	}
	c := &Captions{Dir: dir, Split: o.Split, Layout: "webdataset"}
	read := c.readTars
	list, err := karpathyFile(dir, o)
	if err != nil {
		return nil, err
	}
	if list != "" {
		c.Layout = "karpathy"
		read = func() error { return c.readKarpathy(list, o.MaxBadShare) }
	}
	if err := read(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("set %s: %w", dir, errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Captions) check() error {
	if len(c.Keys) == 0 {
		return fmt.Errorf("no images in split %q", c.Split)
	}
	for i, texts := range c.Texts {
		if len(texts) == 0 {
			return fmt.Errorf("image %s has no captions", c.Keys[i])
		}
		if slices.Contains(texts, "") {
			return fmt.Errorf("image %s has an empty caption", c.Keys[i])
		}
	}
	return nil
}

// karpathyFile is the list of images and captions, "" where there is none.
func karpathyFile(dir string, o Options) (string, error) {
	if o.Entry != nil && isFile(filepath.Join(dir, o.Entry.Splits[o.Split].Index)) {
		return filepath.Join(dir, o.Entry.Splits[o.Split].Index), nil
	}
	files, err := glob.In(dir, "dataset_*.json")
	if err != nil || len(files) == 0 {
		return "", err
	}
	if len(files) > 1 {
		return "", fmt.Errorf("set %s: several lists (%s): say which benchmark it is", dir, strings.Join(files, ", "))
	}
	return files[0], nil
}

// readKarpathy reads {"images": [{filename, filepath, split, sentences: [{raw}]}]}; restval counts
// as train, as everybody uses it.
func (c *Captions) readKarpathy(name string, maxShare float64) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var list struct {
		Images []struct {
			File      string `json:"filename"`
			Folder    string `json:"filepath"`
			Split     string `json:"split"`
			Sentences []struct {
				Raw string `json:"raw"`
			} `json:"sentences"`
		} `json:"images"`
	}
	if err := jsonfile.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("file %s: %w", name, jsonfile.Named(err, "Karpathy's lists"))
	}
	var files fileImages
	for _, image := range list.Images {
		if image.Split != c.Split && (c.Split != "train" || image.Split != "restval") {
			continue
		}
		path := karpathyImage(c.Dir, image.Folder, image.File)
		c.Lost.Of++
		if path == "" {
			c.Lost.Add(lost.NotThere, filepath.Join(image.Folder, image.File))
			continue
		}
		var texts []string
		for _, s := range image.Sentences {
			texts = append(texts, strings.TrimSpace(s.Raw))
		}
		files = append(files, path)
		c.Keys = append(c.Keys, image.File)
		c.Texts = append(c.Texts, texts)
	}
	if c.Lost.Check(maxShare) != nil {
		return fmt.Errorf("file %s: %d of %d images of split %q are not there, the first is %s (%.1f %%, over maxBadShare %v)",
			name, c.Lost.Faults(), c.Lost.Of, c.Split, c.Lost.First[lost.NotThere], 100*c.Lost.Share(), maxShare)
	}
	c.images = files
	return nil
}

// karpathyImage looks for an image where people put them.
func karpathyImage(dir, folder, file string) string {
	for _, place := range []string{folder, ".", "images", "flickr30k-images", filepath.Join("images", folder)} {
		within := filepath.Join(place, file)
		if path := filepath.Join(dir, within); filepath.IsLocal(within) && isFile(path) {
			return path
		}
	}
	return ""
}

// readTars reads KEY.txt with a caption a line.
func (c *Captions) readTars() error {
	tars, images, err := openTars(filepath.Join(c.Dir, c.Split))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set %s: neither dataset_NAME.json nor %s/%s", c.Dir, c.Split, shardsFile)
	}
	if err != nil {
		return err
	}
	c.images = images
	return images.take(tars, func(_ string, sample shards.Sample) error {
		var texts []string
		for _, line := range strings.Split(sample.Caption, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				texts = append(texts, line)
			}
		}
		c.Keys, c.Texts = append(c.Keys, sample.Key), append(c.Texts, texts)
		return nil
	})
}
