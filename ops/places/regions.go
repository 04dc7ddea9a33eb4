package places

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"react/data/coco"
	"react/data/image"
	"react/data/lost"
	"react/data/npy"
	"react/data/world"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/op"
)

// RegionsParams are the params of regions.
type RegionsParams struct {
	// evaluation set of a generated pool; empty: outside files
	Set string `json:"set,omitempty"`
	Reading
	Proposals   string  `json:"proposals"` // truth, file, grid
	Regions     int     `json:"regions"`   // of a picture, at most
	Precision   string  `json:"precision,omitempty"`
	MaxBadShare float64 `json:"maxBadShare"` // of the pictures that may be lost
}

const (
	regionsFile  = "regions.npy"
	proposalFile = "regions.parquet"
	picturesFile = "pictures.json"
)

// RegionsOp embeds boxes of pictures, once for all classifiers, thresholds and ways of choosing. In:
// "checkpoint"; "dataset" (a generated pool), or the files "dataset", an instances JSON, and
// "images"; the file "proposals". Out: regions.npy [regions, dim], f16, of length 1;
// regions.parquet, their boxes; pictures.json, the ids of the pictures that could be read.
//
//	1: first
var RegionsOp = op.ImagesOnly(op.OnEngine(op.Define(1, "regions", runRegions,
	op.Says[RegionsParams](RegionsParams.work, RegionsParams.pace, RegionsParams.memory, RegionsParams.check))))

// trueBoxes is about how many objects a picture of COCO has.
const trueBoxes = 8

// boxes is how many regions are expected of so many pictures.
func (p RegionsParams) boxes(pictures float64) float64 {
	if p.Proposals == Truth {
		return pictures * min(trueBoxes, float64(p.Regions))
	}
	return pictures * float64(p.Regions)
}

func (p RegionsParams) work(at op.Known) op.Work {
	if at.Model == nil || at.Images.N() == 0 {
		return op.Work{}
	}
	pictures := float64(at.Images.N())
	regions := p.boxes(pictures)
	work := op.Work{Samples: pictures, Bytes: regions * (float64(at.Model.Dim())*op.HalfBytes + op.MetaBytes/2)}
	r := p.Reading.of(*at.Model)
	if r.Features == Crop {
		work.Samples, work.FLOPs = regions, regions*at.Model.FLOPs().Image
		return work
	}
	work.FLOPs = pictures * r.wide(*at.Model).FLOPs().Image
	if r.Features == encode.C4 {
		work.FLOPs += regions * at.Model.RegionFLOPs()
	}
	return work
}

// wide is the model for squares of as many pixels as the pictures have that are read; an order of
// magnitude.
func (r Reading) wide(cfg clip.Config) clip.Config {
	if len(r.Side) > 0 && r.Features != Crop && r.Features != Window {
		step := bucket(cfg)
		side := (min(r.Side[0], r.Side[1]) + max(r.Side[0], r.Side[1])) / 2
		cfg.Model.Vision.ImageSize = max(side/step*step, step)
	}
	return cfg
}

func (p RegionsParams) pace(at op.Known) op.Pace {
	pictures := float64(at.Images.N())
	return op.Pace{Work: pictures, Volume: p.boxes(pictures), Model: true, Kind: op.Without(p, "set", "maxBadShare")}
}

func (p RegionsParams) memory(at op.Place) (clip.Memory, error) {
	return Memory(at, p.Reading, p.Precision)
}

// Memory is that of reading pictures.
func Memory(at op.Place, r Reading, precision string) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	r = r.of(*at.Model)
	if r.Features == Crop || r.Features == Window {
		return backbone.Memory(at, precision)
	}
	return at.Estimator.Encoding(r.wide(*at.Model), 1, precision, at.Engine)
}

// check looks at the boxes of the set and of the proposals, and for the pictures.
func (p RegionsParams) check(look op.Inspector) {
	var set *coco.Set
	read := func(f op.Files) (err error) {
		if set == nil {
			set, err = coco.Read(f.Paths[0], coco.Options{})
		}
		return err
	}
	look.Look("boxes", "dataset", read)
	truth := look.Files("dataset")
	look.Look(fmt.Sprint("pictures of ", truth.Paths, p.MaxBadShare), "images", func(f op.Files) error {
		if read(truth) != nil {
			return nil // said of the boxes
		}
		return lacking(set, f, p.MaxBadShare)
	})
	look.Look(fmt.Sprint("proposals for ", truth.Paths), "proposals", func(f op.Files) error {
		if read(truth) != nil {
			return nil
		}
		_, err := proposalsOf(f.Paths[0], set)
		return err
	})
}

// lacking says that too many of a set's pictures have no file.
func lacking(set *coco.Set, f op.Files, maxShare float64) error {
	there := map[string]bool{}
	for _, path := range f.Paths {
		there[path] = true
	}
	count := lost.Count{Of: int64(len(set.Images)), What: "pictures " + filepath.Base(f.Root)}
	for _, image := range set.Images {
		if path := filepath.Join(f.Root, filepath.FromSlash(image.File)); !there[path] {
			count.Add(lost.NotThere, path)
		}
	}
	return count.Check(maxShare)
}

func runRegions(ctx context.Context, run *op.Run, p RegionsParams) error {
	set, pictures, err := OpenSet(run, p.Set)
	if err != nil {
		return err
	}
	regions, err := proposed(run, set, p)
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	reader, err := NewReader(b, p.Reading, p.Precision)
	if err != nil {
		return err
	}
	defer reader.Close()
	out, err := npy.Create(run.Path(regionsFile), "<f2", b.Checkpoint.Config.Dim())
	if err != nil {
		return err
	}
	table, ids, err := reader.write(ctx, run, set, pictures, regions, p.MaxBadShare, out)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := parquet.WriteFile(run.Path(proposalFile), table); err != nil {
		return err
	}
	run.Fact("regions", len(table))
	return run.WriteJSON(picturesFile, ids)
}

// write embeds the regions of each picture into out, and says which they are and which pictures
// could be read.
func (r *Reader) write(ctx context.Context, run *op.Run, set *coco.Set, from Pictures, regions [][]Region,
	maxShare float64, out *npy.Writer) (table []Region, ids []int64, err error) {
	boxes := make([][]encode.Box, len(regions))
	for i, list := range regions {
		for _, one := range list {
			boxes[i] = append(boxes[i], one.box())
		}
	}
	prepare := func(i int, img *image.RGB) (prepared, error) {
		if want := set.Images[i]; img.W != want.Width || img.H != want.Height {
			return prepared{}, fmt.Errorf("%d x %d pixels, and the set says %d x %d: boxes would be of another picture",
				img.W, img.H, want.Width, want.Height)
		}
		if len(boxes[i]) == 0 {
			return prepared{}, nil
		}
		return r.prepare(img, boxes[i])
	}
	embed := func(group []read[prepared]) error { return r.embed(group, boxes) }
	err = each(ctx, run, from, r.group(run, boxes), maxShare, prepare, embed, func(group []read[prepared]) error {
		for _, g := range group {
			table, ids = append(table, regions[g.at]...), append(ids, set.Images[g.at].ID)
			if err := out.Append(g.value.regions); err != nil {
				return err
			}
		}
		return nil
	})
	return table, ids, err
}

// OpenSet reads the objects of role "dataset" and says where its pictures are: a set of a generated
// pool, or an instances JSON with the folder of role "images".
func OpenSet(run *op.Run, name string) (*coco.Set, Pictures, error) {
	var file string
	var pictures Pictures
	if name != "" {
		dir, err := run.Input("dataset")
		if err != nil {
			return nil, pictures, err
		}
		dir = filepath.Join(dir, "sets", name)
		file, pictures.Dir = filepath.Join(dir, world.ObjectsFile), filepath.Join(dir, world.ImagesDir)
	} else {
		f, images := run.Files["dataset"], run.Files["images"]
		if len(f.Paths) != 1 {
			return nil, pictures, fmt.Errorf("role \"dataset\" has %d files, want one", len(f.Paths))
		}
		file, pictures.Dir = f.Paths[0], images.Root
	}
	set, err := coco.Read(file, coco.Options{})
	if err != nil {
		return nil, pictures, err
	}
	for _, image := range set.Images {
		pictures.Files = append(pictures.Files, image.File)
	}
	for _, text := range set.Warnings {
		run.Warn("%s", text)
	}
	return set, pictures, nil
}

// Regions are a finished regions stage. Its embeddings are read picture by picture: those of a
// benchmark with a thousand proposals each are many GiB.
type Regions struct {
	Pictures []int64 // ids of those that could be read
	rows     []Region
	vectors  *npy.File
}

// OpenRegions opens the stage of role "regions". Close it.
func OpenRegions(run *op.Run) (*Regions, error) {
	dir, ok := run.In["regions"]
	if !ok {
		return nil, fmt.Errorf("no input for role \"regions\"")
	}
	r := &Regions{}
	err := op.ReadJSON(filepath.Join(dir, picturesFile), &r.Pictures)
	if err != nil {
		return nil, err
	}
	if r.rows, err = op.ReadTable[Region](filepath.Join(dir, proposalFile)); err != nil {
		return nil, err
	}
	if len(r.rows) == 0 {
		return nil, fmt.Errorf("%s: no region in any picture", dir)
	}
	name := filepath.Join(dir, regionsFile)
	if r.vectors, err = npy.Open(name); err != nil {
		return nil, err
	}
	if shape := r.vectors.Shape(); len(shape) != 2 || shape[0] != len(r.rows) {
		return nil, errors.Join(fmt.Errorf("%s: shape %v for %d regions", name, shape, len(r.rows)), r.Close())
	}
	return r, nil
}

// Close closes its file.
func (r *Regions) Close() error { return r.vectors.Close() }

// Dim is the length of an embedding.
func (r *Regions) Dim() int { return r.vectors.Shape()[1] }

// Each gives the regions of each picture with their embeddings [regions, dim], of length 1; a picture
// without any is passed over.
func (r *Regions) Each(use func(picture int64, rows []Region, x blas.Matrix) error) error {
	for start := 0; start < len(r.rows); {
		end := start
		for end < len(r.rows) && r.rows[end].Image == r.rows[start].Image {
			end++
		}
		x := blas.New(end-start, r.Dim())
		if err := r.vectors.ReadRows(start, end-start, x.Values); err != nil {
			return err
		}
		for i := range x.Rows {
			blas.Normalize(x.Row(i))
		}
		if err := use(r.rows[start].Image, r.rows[start:end], x); err != nil {
			return err
		}
		start = end
	}
	return nil
}
