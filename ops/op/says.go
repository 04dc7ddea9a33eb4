package op

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"react/data/datasets/catalogue"
	"react/ops/clip"
	"react/ops/clip/optim"
	"react/ops/knn"
)

// saying is what an op's file says of its stages before they run, typed by the op's params. Of
// these, memory is asked by plan.Machine.Memory for the forecast and for where a stage runs.
type saying[P any] struct {
	work   func(P, Known) Work
	pace   func(P, Known) Pace
	memory func(P, Place) (clip.Memory, error)
	check  func(P, Inspector)
}

// Says gathers what an op's file says, so that the compiler asks for each: NoWork, SameParams,
// NoMemory and NoCheck stand for there being nothing to say.
func Says[P any](work func(P, Known) Work, pace func(P, Known) Pace, memory func(P, Place) (clip.Memory, error),
	check func(P, Inspector)) saying[P] {
	return saying[P]{work, pace, memory, check}
}

// Known is what is known of a stage beside its params before it runs. Numbers are found out when
// its op asks for them, and else not.
type Known struct {
	Model   *clip.Config // that the stage runs; nil where it is not known
	Values  Number       // of its parameters
	Rows    Number       // of the pool
	Queries Number       // texts that it encodes or searches for
	Ways    int          // searches whose hits it reads
	Images  Number       // of the set that it is tested on
	Listed  Number       // images that its list names; nil without a list
}

// Number finds a number out; nil, or 0, is not known.
type Number func() int

// N is the number.
func (n Number) N() int {
	if n == nil {
		return 0
	}
	return n()
}

// Place is what the memory of a stage depends on beside its params.
type Place struct {
	Known
	Engine string // its name
	Fit    Fit

	ShardRows int64 // of the index that the stage searches; 0 is one index of all

	Estimator *optim.Estimator // remembers what it has estimated
}

// Work is how much a stage has to do by what it is, whether or not anything like it was ever made:
// an order of magnitude, for a plan without data. The zero value is little, or not known.
type Work struct {
	Steps int `json:"steps,omitempty"` // of an optimizer
	// images that go through a tower, or rows that are searched
	Samples float64 `json:"samples,omitempty"`
	FLOPs   float64 `json:"flops,omitempty"` // of matrix products, forward and back
	Bytes   float64 `json:"bytes,omitempty"` // of its output
	// that pairs need at most, each counted for every query that may find it
	Images float64 `json:"images,omitempty"`
}

// Add sums up.
func (w *Work) Add(o Work) {
	w.Steps += o.Steps
	w.Samples += o.Samples
	w.FLOPs += o.FLOPs
	w.Bytes += o.Bytes
	w.Images += o.Images
}

// Pace is what the time, the output and the memory of a stage grow with, so that stages that were
// made tell of others: those of one kind differ in nothing else.
type Pace struct {
	Work   float64 // what the time grows with; 0 where that is not known
	Volume float64 // what the output grows with; 0 likewise
	Batch  float64 // what the memory grows with; 0 where nothing
	Model  bool    // the architecture is part of the kind
	Kind   string  // params that are
}

// Images are outside images as a stage reads them.
type Images struct {
	Split, Benchmark string
	MaxBadShare      float64
	Files            Files `json:"-"`
	List             Files `json:"-"` // of the images that are used; empty is all
	Learned          bool  `json:"-"` // learned from, not tested on
}

// Inspector looks at a stage's outside data before anything runs. It counts and lists, and says
// what is wrong itself. What any stage may read (class names, synonyms, tokenizers, the metadata of
// pools) it looks at unasked, by role.
type Inspector interface {
	// Files are the outside files of a role, of the stage or of one that it reads.
	Files(role string) Files
	// Look looks at them, once for all stages that ask for the same, and says what is wrong with
	// them.
	Look(what, role string, look func(Files) error)
	// Images are those of the features that a role names, none where there are none; of role own,
	// those of role "dataset" that the stage reads itself.
	Images(role string) Images
	// Labelled opens labelled images, and looks at the names of their classes.
	Labelled(Images)
	// Captioned opens images with captions.
	Captioned(Images)
	// Training looks for the classes of the images to test on among those to learn from, for
	// enough of each, and for images that are in both. No test images is none to compare with.
	Training(learned, test Images, shots int)
	// Prompt holds a learned prompt, of role "prompt", against the images to test it on.
	Prompt(test Images)
	// Prompts looks for the classes of some images in the file of role "prompts".
	Prompts(Images)
	// Index says whether the vectors of role "embeddings" can be indexed so, with shardRows in
	// shards.
	Index(p knn.Params, shardRows int64)
	// Metadata looks for columns in a pool's own metadata.
	Metadata(columns []string)
	// Shards counts rows that no image can be found for.
	Shards(maxBad int, maxBadShare float64)
}

// Own is no role: see Inspector.Images.
const Own = ""

// NoWork is little work, or none that is known.
func NoWork[P any](P, Known) (w Work) { return w }

// NoMemory is little memory, or none that is known.
func NoMemory[P any](P, Place) (m clip.Memory, err error) { return m, nil }

// NoCheck looks at nothing.
func NoCheck[P any](P, Inspector) {}

// SameParams is the pace of an op of which only stages of equal params tell, seeds apart.
func SameParams[P any](p P, _ Known) Pace { return Pace{Work: 1, Volume: 1, Kind: Without(p, "seed")} }

// Without is params but for some, as text.
func Without(params any, names ...string) string {
	raw, err := Canonical(params)
	if err != nil {
		return ""
	}
	rest := map[string]json.RawMessage{}
	_ = json.Unmarshal(raw, &rest) // an object: params are structs
	for _, name := range names {
		delete(rest, name)
	}
	text, _ := json.Marshal(rest) // keys are sorted
	return string(text)
}

// Define makes an op of a function over its typed params, and of what is known of it before it
// runs.
func Define[P any](version int, name string, fn func(context.Context, *Run, P) error, says saying[P]) Op {
	return Op{Name: name, Version: version, Cost: Cost{Seconds: 0.4},
		Run: func(ctx context.Context, run *Run, raw json.RawMessage) error {
			var p P
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&p); err != nil {
				return fmt.Errorf("params of %s: %w", name, err)
			}
			return fn(ctx, run, p)
		},
		Work: func(raw json.RawMessage, at Known) Work { return says.work(lenient[P](raw), at) },
		Pace: func(raw json.RawMessage, at Known) Pace { return says.pace(lenient[P](raw), at) },
		Memory: func(raw json.RawMessage, at Place) (clip.Memory, error) {
			var p P
			if err := json.Unmarshal(raw, &p); err != nil {
				return clip.Memory{}, fmt.Errorf("params of %s: %w", name, err)
			}
			return says.memory(p, at)
		},
		Check: func(raw json.RawMessage, look Inspector) { says.check(lenient[P](raw), look) },
	}
}

// lenient reads params that another version may have written, as far as this one understands them.
func lenient[P any](raw json.RawMessage) (p P) {
	_ = json.Unmarshal(raw, &p)
	return p
}

// Sizes in bytes: of a value of an embedding as it is stored, of a row of metadata, of a hit, of an
// f32.
const (
	HalfBytes = 2
	MetaBytes = 120
	HitBytes  = 40
	FullBytes = 4
)

// ImagesOf are the images of a benchmark's split; those of a list where there is one. ok is false
// where the benchmark is none.
func (at Known) ImagesOf(benchmark, split string) (n float64, e *catalogue.Entry, ok bool) {
	e, err := catalogue.Find(benchmark)
	if err != nil {
		return 0, nil, false
	}
	if at.Listed != nil {
		return float64(at.Listed.N()), e, true
	}
	return float64(e.Splits[split].Images), e, true
}
