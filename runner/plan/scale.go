package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"strings"

	"react/data/datasets"
	"react/ops"
	"react/ops/clip"
)

// Scale is how much work a stage is by what it is, whether or not anything like it was ever made: an order of magnitude, for a plan without data.
type Scale struct {
	Steps   int     `json:"steps,omitempty"`   // of an optimizer
	Samples float64 `json:"samples,omitempty"` // images that go through a tower, or rows that are searched
	FLOPs   float64 `json:"flops,omitempty"`   // of matrix products, forward and back
	Bytes   float64 `json:"bytes,omitempty"`   // of its output
	Images  float64 `json:"images,omitempty"`  // that pairs need at most, each counted for every query that may find it
}

// Add sums up.
func (s *Scale) Add(o Scale) {
	s.Steps += o.Steps
	s.Samples += o.Samples
	s.FLOPs += o.FLOPs
	s.Bytes += o.Bytes
	s.Images += o.Images
}

// ImageBytes is about what an image takes whose shorter side is 256 to 384 pixels: LAION-400M's are 10 TB at 256.
const ImageBytes = 30e3

// Sizes in bytes: of a value of an embedding as it is stored, of a row of metadata, of a hit, of an f32.
const (
	halfBytes = 2
	metaBytes = 120
	hitBytes  = 40
	fullBytes = 4
)

// Scale estimates a stage; the zero value where the model, the pool or the set is not known.
func (s *Stage) Scale() Scale {
	rows := float64(s.Rows)
	switch s.Op {
	case "pretrain", "tune":
		return s.trainingScale()
	case "fine-tune":
		return s.fineTuneScale()
	case "embed":
		if s.Model == nil {
			return Scale{}
		}
		f := s.Model.FLOPs()
		return Scale{Samples: rows, FLOPs: rows * (f.Image + f.Text), Bytes: rows * (2*float64(s.Model.Dim())*halfBytes + metaBytes)}
	case "index":
		return s.indexScale()
	case "retrieve":
		queries := float64(s.queries())
		var p ops.RetrieveParams
		if s.Model == nil || json.Unmarshal(s.Params, &p) != nil {
			return Scale{}
		}
		return Scale{Samples: rows, FLOPs: 2 * rows * queries * float64(s.Model.Dim()), Bytes: queries * float64(p.Depth) * hitBytes}
	case "features":
		return s.imagesScale()
	case "evaluate":
		return s.captionsScale()
	case "pairs":
		return s.pairsScale()
	}
	return Scale{}
}

// trainingScale is a step of the mode (clip.Mode.FLOPs) for each pair.
func (s *Stage) trainingScale() Scale {
	var p struct {
		Mode         string
		Steps, Batch int
		GatedDepth   int
	}
	if s.Model == nil || json.Unmarshal(s.Params, &p) != nil {
		return Scale{}
	}
	mode, err := clip.ModeOf(cmp.Or(p.Mode, clip.Full)) // pretraining has none to choose
	if err != nil {
		return Scale{}
	}
	samples := float64(p.Steps) * float64(p.Batch)
	each := mode.FLOPs(*s.Model)
	return Scale{Steps: p.Steps, Samples: samples, FLOPs: samples * each, Bytes: float64(s.Model.Parameters()) * fullBytes}
}

// searchRuns is the most that ELEVATER's search tries of weight decay at one learning rate.
const searchRuns = 15

// fineTuneScale is a search on four fifths of the training images, at its longest, and the training on all; the images are known of a benchmark.
func (s *Stage) fineTuneScale() Scale {
	var p ops.FineTuneParams
	if s.Model == nil || json.Unmarshal(s.Params, &p) != nil {
		return Scale{}
	}
	e, err := datasets.Find(p.Train.Benchmark)
	if err != nil {
		return Scale{}
	}
	images := float64(e.Splits["train"].Images)
	if count, ok := s.listed(); ok {
		images = count
	}
	if p.Shots > 0 {
		images = float64(p.Shots * len(e.Classes))
	}
	decays := len(p.WeightDecay)
	if decays == 0 {
		decays = searchRuns
	}
	passes := float64(p.Epochs)
	if p.SearchEpochs > 0 {
		passes += 0.8 * float64(len(p.LR)*decays*p.SearchEpochs)
	}
	samples := images * passes
	return Scale{Steps: int(samples / float64(p.Batch)), Samples: samples, FLOPs: samples * 3 * s.Model.FLOPs().Image, Bytes: float64(e.Splits["test"].Images) * metaBytes}
}

// indexScale is vectors in f32, or a code for each.
func (s *Stage) indexScale() Scale {
	var p ops.IndexParams
	if s.Model == nil || json.Unmarshal(s.Params, &p) != nil {
		return Scale{}
	}
	each := float64(s.Model.Dim()) * fullBytes
	if p.Params.Code > 0 {
		each = float64(p.Params.Code) + 8 // and the row's number
	}
	return Scale{Samples: float64(s.Rows), Bytes: float64(s.Rows) * each}
}

// imagesScale is a set's images through the image tower.
func (s *Stage) imagesScale() Scale {
	var p struct{ Benchmark, Split string }
	if s.Model == nil || json.Unmarshal(s.Params, &p) != nil {
		return Scale{}
	}
	e, err := datasets.Find(p.Benchmark)
	if err != nil {
		return Scale{}
	}
	split := p.Split
	if split == "" {
		split = "test"
	}
	n := float64(e.Splits[split].Images)
	if count, ok := s.listed(); ok {
		n = count
	}
	return Scale{Samples: n, FLOPs: n * s.Model.FLOPs().Image, Bytes: n * (float64(s.Model.Dim())*fullBytes + metaBytes)}
}

// simCLRLists are SimCLRv2's lists of 1 % and 10 % of ImageNet, by the ends of their names, and how many images they name.
var simCLRLists = map[string]float64{"10percent.txt": 128116, "1percent.txt": 12811}

// listed is the number of images that a stage's list names: its lines, or, where it is missing, what is known of its name. It is 0 where nothing is.
func (s *Stage) listed() (images float64, ok bool) {
	f, ok := s.Files["list"]
	if !ok {
		return 0, false
	}
	if len(f.Paths) == 0 {
		for name, count := range simCLRLists {
			if strings.HasSuffix(f.Root, name) {
				images = count
			}
		}
		return images, true
	}
	raw, err := os.ReadFile(f.Paths[0])
	if err != nil {
		return 0, true
	}
	return float64(len(bytes.Fields(raw))), true
}

// captionsScale is the images and captions of a retrieval's test split through the towers; other evaluations compute next to nothing.
func (s *Stage) captionsScale() Scale {
	var p ops.EvaluateParams
	if s.Model == nil || json.Unmarshal(s.Params, &p) != nil || p.Kind != "retrieval" {
		return Scale{}
	}
	e, err := datasets.Find(p.Benchmark)
	if err != nil {
		return Scale{}
	}
	test, f := e.Splits["test"], s.Model.FLOPs()
	return Scale{Samples: float64(test.Images), FLOPs: float64(test.Images)*f.Image + float64(test.Captions)*f.Text}
}

// pairsScale is what K asks for, before the same row of several queries is counted once.
func (s *Stage) pairsScale() Scale {
	var p ops.PairsParams
	if json.Unmarshal(s.Params, &p) != nil {
		return Scale{}
	}
	ways := 0
	for role := range s.In {
		if strings.HasPrefix(role, "hits.") {
			ways++
		}
	}
	n := float64(p.K) * float64(s.queries()) * float64(ways)
	if p.Control == "continued" {
		n = float64(s.Rows)
	}
	return Scale{Samples: n, Bytes: n * (metaBytes + hitBytes), Images: n}
}

// queries is the number of texts that a search is for; 0 where the classes are not known before they are read.
func (s *Stage) queries() int {
	in := s.In["queries"]
	if in == nil {
		return 0
	}
	var p ops.QueriesParams
	if json.Unmarshal(in.Params, &p) != nil || ops.BenchmarkOf(p.Set) == "" {
		return 0
	}
	classes, _, err := datasets.QueryClasses(ops.BenchmarkOf(p.Set))
	if err != nil {
		return 0
	}
	return len(classes) * len(p.Prompts)
}
