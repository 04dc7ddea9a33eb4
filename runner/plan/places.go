package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/data/world"
	"react/ops/evaluate"
	"react/ops/op"
	"react/ops/places"
)

// reading is how an evaluation's pictures are read.
func (c *composer) reading(name string) places.Reading {
	e, _ := c.p.Evaluate(name)
	return places.Reading{Features: e.Features(), Side: e.Side(), Margin: e.Margin(), Stride: e.Stride()}
}

// pictures gives the truth and the pictures of an evaluation of places to a stage; set is that of a
// generated pool, which has both. truth finds the files of the truth.
func (c *composer) pictures(name string, in inputs, truth func(string) (op.Files, error)) (set string, err error) {
	e, _ := c.p.Evaluate(name)
	path := "evaluate." + name
	set, dataset, err := c.poolSet(path+".dataset", e.Dataset(), "dataset", truth)
	if err != nil {
		return "", err
	}
	in.give("dataset", dataset)
	if set == "" {
		in.files["images"], err = c.outside(path+".images", e.Images(), folderFiles)
	}
	return set, err
}

// detection names regions of pictures, which are embedded once for all ways of naming them.
func (c *composer) detection(name string, checkpoint source, base *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	regions, err := c.regions(name, checkpoint)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.in["regions"] = regions
	params, err := c.places(name, in, oneFile)
	if err != nil {
		return nil, err
	}
	delete(in.files, "images") // regions are of them
	if base != nil {
		in.in["base"] = base
	}
	params.Detection = &evaluate.DetectionParams{Objectness: e.Objectness(), Temperature: e.Temperature(),
		SoftNMS: e.SoftNMS(), MinScore: e.MinScore(), Top: e.Top()}
	if params.Detection.SoftNMS == 0 {
		params.Detection.NMS = e.NMS()
	}
	return c.add("evaluate", params, in.in, in.files)
}

// places are the params that evaluations of places have in common; truth and pictures go to in.
func (c *composer) places(name string, in inputs, truth func(string) (op.Files, error)) (params evaluate.Params, err error) {
	e, _ := c.p.Evaluate(name)
	params = evaluate.Params{Kind: e.Kind(), Prompts: e.Prompts(), Precision: c.p.Backbone().Precision(),
		Truncate: e.Truncate()}
	if name := e.Benchmark(); name != "" {
		entry, err := catalogue.FindDense(name)
		if err != nil {
			return params, err
		}
		raw, err := op.Canonical([]any{entry, entry.Templates()})
		if err != nil {
			return params, err
		}
		sum := sha256.Sum256(raw)
		params.Benchmark, params.Catalogue = entry.Name, hex.EncodeToString(sum[:8])
	}
	params.Set, err = c.pictures(name, in, truth)
	return params, err
}

// regions embeds the boxes of an evaluation's pictures.
func (c *composer) regions(name string, checkpoint source) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	in := newInputs()
	in.give("checkpoint", checkpoint)
	params := places.RegionsParams{Reading: c.reading(name), Proposals: e.Proposals(), Regions: e.Regions(),
		Precision: c.p.Backbone().Precision(), MaxBadShare: e.MaxBadShare()}
	if file := params.Proposals; file != places.Truth && file != places.Grid {
		params.Proposals = places.File
		var err error
		if in.files["proposals"], err = c.outside("evaluate."+name+".proposals", file, oneFile); err != nil {
			return nil, err
		}
	}
	var err error
	if params.Set, err = c.pictures(name, in, oneFile); err != nil {
		return nil, err
	}
	return c.add("regions", params, in.in, in.files)
}

// segmentation labels the pixels of pictures.
func (c *composer) segmentation(name string, checkpoint source, base *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	in := newInputs()
	in.give("checkpoint", checkpoint)
	params, err := c.places(name, in, folderFiles)
	if err != nil {
		return nil, err
	}
	if base != nil {
		in.in["base"] = base
	}
	params.MaxBadShare = e.MaxBadShare()
	params.Segmentation = &evaluate.SegmentationParams{Reading: c.reading(name), Denoise: e.PromptDenoising(),
		Smooth: e.KeySmoothing()}
	if params.Segmentation.Smooth > 0 {
		params.Segmentation.Keys = e.Keys()
	}
	return c.add("evaluate", params, in.in, in.files)
}

// pictureCount is the number of pictures that a stage reads: files of a folder, or a world's scenes;
// 0 where that is not known.
func (s *Stage) pictureCount() int {
	if f, ok := s.Files["images"]; ok {
		return len(f.Paths)
	}
	made := s.In["dataset"]
	if made == nil || made.Op != "world" || !strings.Contains(string(s.Params), `"set":"`+world.SceneSet+`"`) {
		return 0
	}
	var p world.Params
	_ = json.Unmarshal(made.Params, &p) // of another version: not known
	return p.Scenes
}

// placesField is the field that names the files of a role of an evaluation of places.
func (c *inputCheck) placesField(role string, f op.Files) string {
	for _, t := range c.plan.Experiment.Trials {
		for _, name := range slices.Sorted(maps.Keys(t.Params.Evaluate)) {
			e := t.Params.Evaluate[name]
			if isPath(map[string]string{"dataset": e.Dataset, "images": e.Images, "proposals": e.Proposals}[role], f) {
				return "evaluate." + name + "." + role
			}
		}
	}
	return "evaluate"
}
