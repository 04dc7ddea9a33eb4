package emoji

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"react/data/datasets"
	"react/data/image"
	"react/data/laion"
	"react/data/shards"
)

const (
	rowsPerShard = 10_000 // as img2dataset
	maxSize      = 64     // of images whose size is not asked for; most packages have them so
)

// drawing is one vendor's image of an emoji.
type drawing struct {
	emoji  emojiEntry
	vendor string
	path   string
}

// writePool writes the rows of the pool's vendors, shard after shard.
func (im *importer) writePool(ctx context.Context) error {
	dir := filepath.Join(im.dir, "pool")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	w := poolWriter{dir: dir}
	for _, d := range im.poolDrawings() {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := im.draw(d)
		if err != nil {
			return err
		}
		size, _, err := image.Size(raw)
		if err != nil {
			return err
		}
		for i, caption := range captions(d) {
			if err := w.put(d, i, caption, raw, int32(size)); err != nil {
				return err
			}
		}
	}
	im.report.Rows = w.rows
	return w.close()
}

// poolDrawings lists the images of the pool, vendor after vendor, and notes those
// that are missing.
func (im *importer) poolDrawings() []drawing {
	var all []drawing
	for _, vendor := range poolVendors {
		for _, e := range im.src.emojis {
			variants := []emojiEntry{e}
			if im.options.SkinTones {
				for _, skin := range e.Skins {
					skin.Tags = e.Tags
					variants = append(variants, skin)
				}
			}
			for _, v := range variants {
				path, ok := im.src.images[vendor.name][code(v.Hexcode)]
				if !ok {
					im.missing(vendor.name, v.Label)
					continue
				}
				im.report.Images[vendor.name]++
				all = append(all, drawing{v, vendor.name, path})
			}
		}
	}
	return all
}

// draw is a drawing's image as PNG, on white, at the size asked for.
func (im *importer) draw(d drawing) ([]byte, error) {
	if raw, ok := im.drawn[d.path]; ok {
		return raw, nil
	}
	raw, err := os.ReadFile(d.path)
	if err != nil {
		return nil, err
	}
	img, err := image.DecodeOnWhite(raw)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", d.path, err)
	}
	size := im.options.Size
	if size == 0 && max(img.W, img.H) > maxSize {
		size = maxSize
	}
	if size > 0 && (img.W != size || img.H != size) {
		img = image.Resize(img, size, size, image.Bicubic)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img.Standard()); err != nil {
		return nil, err
	}
	im.drawn[d.path] = buf.Bytes()
	return buf.Bytes(), nil
}

// poolWriter starts a new shard every rowsPerShard rows.
type poolWriter struct {
	dir  string
	rows int
	tar  *shards.Writer
	meta []laion.Row
}

// put adds the row of a drawing with its caption number i.
func (w *poolWriter) put(d drawing, i int, caption string, raw []byte, size int32) error {
	if w.rows%rowsPerShard == 0 {
		if err := w.close(); err != nil {
			return err
		}
		tar, err := shards.Create(w.base() + ".tar")
		if err != nil {
			return err
		}
		w.tar = tar
	}
	row := laion.Row{
		Index: int64(w.rows), URL: fmt.Sprintf("https://emoji.invalid/%s/%s.png?caption=%d", d.vendor, d.emoji.Hexcode, i), Text: caption,
		Key: fmt.Sprintf("%05d%04d", w.rows/rowsPerShard, w.rows%rowsPerShard), Label: d.emoji.Label, Truth: d.emoji.Label,
		Width: size, Height: size, License: "see LICENSES.md", NSFW: "UNLIKELY", Similarity: math.NaN(),
	}
	w.meta = append(w.meta, row)
	w.rows++
	return w.tar.Put(row.Key, "png", raw, caption, map[string]any{"key": row.Key, "url": row.URL, "caption": caption, "width": size, "height": size})
}

func (w *poolWriter) base() string {
	return filepath.Join(w.dir, fmt.Sprintf("%05d", w.rows/rowsPerShard))
}

// close ends the shard that is open, if one is.
func (w *poolWriter) close() error {
	if w.tar == nil {
		return nil
	}
	table, err := laion.Create(filepath.Join(w.dir, fmt.Sprintf("%05d", (w.rows-1)/rowsPerShard)+".parquet"))
	if err != nil {
		return err
	}
	err = errors.Join(w.tar.Close(), table.Write(w.meta), table.Close())
	w.tar, w.meta = nil, w.meta[:0]
	return err
}

// writeGroup writes the class list of a group, and the set of each test vendor.
func (im *importer) writeGroup(ctx context.Context, name string) error {
	var members []emojiEntry
	var classes []string
	for _, e := range im.src.emojis {
		if groupOf(e) == name && im.bothDrew(e, im.missing) {
			members = append(members, e)
			classes = append(classes, e.Label)
		}
	}
	im.report.Classes[name] = len(classes)
	if len(classes) == 0 {
		return fmt.Errorf("group %s: no emoji has an image of every test vendor; %s", name, howToFetch)
	}
	for _, vendor := range testVendors {
		im.report.Images[vendor.name] += len(members)
		if err := im.writeSet(ctx, filepath.Join("test", vendor.name, name), members, classes, vendor); err != nil {
			return err
		}
	}
	if err := im.writeSet(ctx, filepath.Join("test", "both", name), members, classes, testVendors...); err != nil {
		return err
	}
	var whole []vendor
	for _, vendor := range poolVendors {
		var drawn []emojiEntry
		var names []string
		for i, e := range members {
			if _, ok := im.src.images[vendor.name][code(e.Hexcode)]; ok {
				drawn, names = append(drawn, e), append(names, classes[i])
			}
		}
		if err := im.writeSet(ctx, filepath.Join("seen", vendor.name, name), drawn, names, vendor); err != nil {
			return err
		}
		if len(drawn) == len(members) {
			whole = append(whole, vendor)
		}
	}
	if len(whole) > 1 { // labelled images, several of each class
		if err := im.writeSet(ctx, filepath.Join("seen", "all", name), members, classes, whole...); err != nil {
			return err
		}
	}
	return im.writeJSON(name+".json", classes)
}

// bothDrew says whether all test vendors have an image, and tells missing those that have none.
func (im *importer) bothDrew(e emojiEntry, missing func(vendor, label string)) bool {
	all := true
	for _, vendor := range testVendors {
		if _, ok := im.src.images[vendor.name][code(e.Hexcode)]; !ok {
			missing(vendor.name, e.Label)
			all = false
		}
	}
	return all
}

// writeSet writes what vendors have drawn of the members, one vendor after the other.
func (im *importer) writeSet(ctx context.Context, dir string, members []emojiEntry, classes []string, vendors ...vendor) error {
	set, err := datasets.Create(filepath.Join(im.dir, dir), classes, templates)
	if err != nil {
		return err
	}
	for _, v := range vendors {
		for label, e := range members {
			key := e.Hexcode
			if len(vendors) > 1 {
				key += "-" + v.name
			}
			raw, err := im.draw(drawing{e, v.name, im.src.images[v.name][code(e.Hexcode)]})
			if err == nil {
				err = errors.Join(ctx.Err(), set.Put(key, "png", raw, label))
			}
			if err != nil {
				set.Close()
				return err
			}
		}
	}
	return set.Close()
}
