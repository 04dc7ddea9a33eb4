package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"path/filepath"
	"slices"
	"strings"

	"react/data/glob"
	"react/data/image"
	"react/data/shards"
	"react/ops/pairs"
	pages "react/results/report"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
)

// The gallery's measures: classes, pairs of each, and the side of an image in
// pixels. They bound what images add to a page: under 250 kB for photographs.
const galleryClasses, galleryPairs, gallerySide = 8, 8, 64

// gallery shows what was retrieved for the classes that gained and lost most,
// nearest first.
func (r *reporter) gallery(p *pages.Page) error {
	pairs, err := r.pairs()
	if err != nil || len(pairs) == 0 {
		return err
	}
	set, note, err := r.images()
	if err != nil {
		return err
	}
	if set != nil {
		defer set.Close()
	}
	for _, class := range r.galleryClasses(p, pairs) {
		shown := pages.Class{Name: class}
		for _, pair := range ofClass(pairs, class) {
			one := pages.Pair{Caption: pair.Caption, Found: foundText(pair, class), Label: pair.Label, Right: pair.Label == class}
			if one.Image, err = thumbnail(set, pair); err != nil {
				return err
			}
			shown.Pairs = append(shown.Pairs, one)
		}
		p.Gallery = append(p.Gallery, shown)
	}
	p.GalleryNote = fmt.Sprintf("The nearest pairs of %s, for the classes that gained and lost most. %s", r.best.name, note)
	return nil
}

// galleryClasses are half from either end of the changes, or the first ones
// retrieved for where there are none.
func (r *reporter) galleryClasses(p *pages.Page, found []pairs.Pair) []string {
	known := map[string]bool{}
	var all []string
	for _, pair := range found {
		for _, f := range pair.Found {
			if !known[f.Class] {
				known[f.Class] = true
				all = append(all, f.Class)
			}
		}
	}
	var moved []string
	for _, c := range p.Changes {
		if known[c.Class] && !slices.Contains(moved, c.Class) {
			moved = append(moved, c.Class)
		}
	}
	if len(moved) > 0 {
		all = moved
	}
	if len(all) > galleryClasses {
		all = slices.Concat(all[:galleryClasses/2], all[len(all)-galleryClasses/2:])
	}
	return all
}

// ofClass are the nearest pairs that were found for a class, by rank.
func ofClass(found []pairs.Pair, class string) []pairs.Pair {
	rank := func(p pairs.Pair) int32 {
		best := int32(1 << 30)
		for _, f := range p.Found {
			if f.Class == class {
				best = min(best, f.Rank)
			}
		}
		return best
	}
	var list []pairs.Pair
	for _, p := range found {
		if slices.ContainsFunc(p.Found, func(f pairs.Found) bool { return f.Class == class }) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b pairs.Pair) int { return int(rank(a) - rank(b)) })
	return list[:min(len(list), galleryPairs)]
}

// foundText says how a pair was found for a class: its best hit.
func foundText(p pairs.Pair, class string) string {
	var best *pairs.Found
	for i := range p.Found {
		if f := &p.Found[i]; f.Class == class && (best == nil || f.Rank < best.Rank) {
			best = f
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("%s, rank %d, %.3f", strings.ToUpper(best.Modality), best.Rank, best.Score)
}

// images opens the shards of the pool that was retrieved from, where the flags
// allow its images; the note says why where they are not shown.
func (r *reporter) images() (*shards.Set, string, error) {
	name, _ := r.best.trials[0].Params["retrieve.pool"].(string)
	pool, ok := r.Params.Pool[name]
	switch {
	case !ok || r.options.Gallery == "none":
		return nil, "Images were left out (--gallery none).", nil
	case pool.World == nil && r.options.Gallery == "world":
		return nil, "Images were left out: they are not runner's own (--gallery world).", nil
	}
	paths, err := r.poolShards(pool.World != nil, pool.Shards)
	if err != nil || len(paths) == 0 {
		return nil, "The pool has no shards here, so captions stand alone.", err
	}
	set, err := shards.Index(r.ctx, paths, pool.MaxBad)
	return set, "", err
}

// poolShards are the tars of a pool that runner made, or those of the spec.
func (r *reporter) poolShards(world bool, pattern string) ([]string, error) {
	if !world {
		if pattern == "" {
			return nil, nil
		}
		return plan.ShardFiles(pattern)
	}
	for stage := range experiment.MadeFrom(r.best.trials[0].Stages[plan.Pairs]) {
		if entry, ok := r.entries[stage.Key]; ok && stage.Op == "world" {
			if err := record.ExplainDamage(r.Store, r.Store.Check(r.ctx, entry)); err != nil {
				return nil, err
			}
			return glob.In(filepath.Join(entry.Dir, "pool"), "*.tar")
		}
	}
	return nil, nil
}

// thumbnail is the pair's image as a small PNG in a data URI; "" where there is
// none, or one that cannot be read.
func thumbnail(set *shards.Set, pair pairs.Pair) (string, error) {
	if set == nil {
		return "", nil
	}
	sample, ok := pairs.ImageOf(set, pair)
	if !ok {
		return "", nil
	}
	raw, err := set.Read(sample, nil)
	if err != nil {
		return "", fmt.Errorf("image of pair %s: %w", pair.Key, err)
	}
	var b bytes.Buffer
	err = image.Use(raw, false, func(img *image.RGB) error {
		if img.W > gallerySide || img.H > gallerySide {
			img = image.CenterCrop(image.Preprocess(img, gallerySide), gallerySide)
		}
		return png.Encode(&b, img.Standard())
	})
	if err != nil {
		return "", nil // stages counted it; the caption stands alone
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
