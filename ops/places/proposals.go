package places

import (
	"cmp"
	"fmt"
	"slices"

	"react/data/coco"
	"react/ops/clip/encode"
	"react/ops/op"
)

// Where boxes come from.
const (
	Truth = "truth" // the objects of the set, without crowds
	File  = "file"  // COCO results of any detector
	Grid  = "grid"  // squares of three sizes, which overlap by half
)

// Region is a row of regions.parquet; row r belongs to row r of regions.npy.
type Region struct {
	Image    int64   `parquet:"image,zstd"` // id
	X        float64 `parquet:"x,zstd"`     // of the left upper corner, pixels, as Y
	Y        float64 `parquet:"y,zstd"`
	Width    float64 `parquet:"width,zstd"`
	Height   float64 `parquet:"height,zstd"`
	Score    float64 `parquet:"score,zstd"`    // of a proposal of a file
	Category int64   `parquet:"category,zstd"` // id, of an object
}

// box is the region in corners.
func (r *Region) box() encode.Box {
	return encode.Box{float32(r.X), float32(r.Y), float32(r.X + r.Width), float32(r.Y + r.Height)}
}

// proposed are the boxes of each picture of a set, in its order. Those without extent in their
// picture are left out and counted.
func proposed(run *op.Run, set *coco.Set, p RegionsParams) ([][]Region, error) {
	out, at := make([][]Region, len(set.Images)), map[int64]int{}
	for i, image := range set.Images {
		at[image.ID] = i
	}
	switch p.Proposals {
	case Truth:
		for _, a := range set.Annotations {
			if !a.Crowd {
				out[at[a.Image]] = append(out[at[a.Image]], region(a.Image, a.Box, 1, a.Category))
			}
		}
	case Grid:
		for i, image := range set.Images {
			out[i] = grid(image)
		}
	case File:
		f := run.Files["proposals"]
		if len(f.Paths) == 0 {
			return nil, fmt.Errorf("no input for role \"proposals\"")
		}
		found, err := proposalsOf(f.Paths[0], set)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			out[at[d.Image]] = append(out[at[d.Image]], region(d.Image, d.Box, d.Score, 0))
		}
	default:
		return nil, fmt.Errorf("proposals %q are none of %s, %s and %s", p.Proposals, Truth, File, Grid)
	}
	return kept(run, set, out, p.Regions), nil
}

// proposalsOf reads a file of proposals for the pictures of a set.
func proposalsOf(path string, set *coco.Set) ([]coco.Detection, error) {
	known := map[int64]bool{}
	for _, image := range set.Images {
		known[image.ID] = true
	}
	found, err := coco.ReadResults(path)
	if err != nil {
		return nil, err
	}
	for i, d := range found {
		if !known[d.Image] {
			return nil, fmt.Errorf("file %s: proposal %d: image_id %d is not in the set", path, i, d.Image)
		}
	}
	return found, nil
}

func region(image int64, b coco.Box, score float64, category int64) Region {
	return Region{image, b[0], b[1], b[2], b[3], score, category}
}

// kept leaves out boxes without extent or outside of their picture, and of the others all but the
// best of a picture; equal scores keep their order.
func kept(run *op.Run, set *coco.Set, all [][]Region, most int) [][]Region {
	outside, cut := 0, 0
	for i, image := range set.Images {
		before := len(all[i])
		all[i] = slices.DeleteFunc(all[i], func(r Region) bool {
			across := r.Width > 0 && r.X < float64(image.Width) && r.X+r.Width > 0
			down := r.Height > 0 && r.Y < float64(image.Height) && r.Y+r.Height > 0
			return !across || !down
		})
		outside += before - len(all[i])
		slices.SortStableFunc(all[i], func(a, b Region) int { return cmp.Compare(b.Score, a.Score) })
		cut += max(0, len(all[i])-most)
		all[i] = all[i][:min(most, len(all[i]))]
	}
	if outside > 0 {
		run.Fact("boxesOutside", outside)
		run.Warn("%d boxes have no extent or lie outside of their picture: they are left out", outside)
	}
	if cut > 0 {
		run.Fact("boxesCut", cut)
	}
	return all
}

// grid are squares of the whole shorter side of a picture, of half and of a quarter of it.
func grid(image coco.Image) (out []Region) {
	short := min(image.Width, image.Height)
	for _, side := range []int{short, short / 2, short / 4} {
		if side < 1 {
			continue
		}
		for _, y := range starts(image.Height, side) {
			for _, x := range starts(image.Width, side) {
				box := coco.Box{float64(x), float64(y), float64(side), float64(side)}
				out = append(out, region(image.ID, box, 1, 0))
			}
		}
	}
	return out
}

// starts are where squares begin along a side, half a square apart, the last at its end.
func starts(length, side int) (out []int) {
	for at := 0; at < length-side; at += max(1, side/2) {
		out = append(out, at)
	}
	return append(out, length-side)
}
