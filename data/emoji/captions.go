package emoji

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"react/data/shards"
)

// writeCaptions writes what a test vendor has drawn of the classes, with captions, in
// CLIP_benchmark's layout: a caption a line.
func (im *importer) writeCaptions(ctx context.Context, v vendor) error {
	dir := filepath.Join(im.dir, "captions", v.name, "test")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	tar, err := shards.Create(filepath.Join(dir, "0.tar"))
	if err != nil {
		return err
	}
	for _, e := range im.src.emojis {
		if !im.bothDrew(e, func(string, string) {}) { // they are noted already
			continue
		}
		d := drawing{e, v.name, im.src.images[v.name][code(e.Hexcode)]}
		raw, err := im.draw(d)
		if err == nil {
			err = errors.Join(ctx.Err(), tar.Put(e.Hexcode, "png", raw, strings.Join(captions(d), "\n"), nil))
		}
		if err != nil {
			return errors.Join(err, tar.Close())
		}
	}
	if err := tar.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "nshards.txt"), []byte("1\n"), 0o644)
}
