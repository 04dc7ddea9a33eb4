package graph

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gomlx/compute"

	"react/ops/clip"
	"react/ops/engine"
)

// The names of a graph's inputs beside parameters.
const (
	PixelsInput       = "pixels"
	TokensInput       = "tokens"
	HyperInput        = "hyper"
	GammaInput        = "gamma"
	TextFeaturesInput = "textFeatures"
	BaseInput         = "baseText"
	DistinctInput     = "distinct"
	SlotInput         = "slot"
)

// The names of the inputs that only an accumulation has.
const (
	ImageFeaturesInput = "imageFeatures"
	DImageInput        = "dImage"
	DTextInput         = "dText"
	CarryInput         = "carry"
	LossInput          = "loss"
)

// The names of the inputs that only prompts have.
const (
	EmbeddedInput = "embedded"
	PlaceInput    = "place"
)

// WideIDs are the ids in the type that engines gather by.
func WideIDs(ids []int32) []int64 {
	wide := make([]int64, len(ids))
	for i, id := range ids {
		wide[i] = int64(id)
	}
	return wide
}

// UploadTensor puts a parameter on the device, in the form that graphs have it in.
func UploadTensor(e *engine.Engine, t *clip.Tensor) (compute.Buffer, error) {
	return e.Upload(t.Data, DeviceShape(t.Shape)...)
}

// Finalize frees buffers.
func Finalize(buffers map[string]compute.Buffer) {
	for _, b := range buffers {
		_ = b.Finalize()
	}
}

// ProgramKey says all that a graph depends on.
func ProgramKey(kind string, cfg clip.Config, rest ...string) (string, error) {
	cfg.Preprocess = nil
	text, err := json.Marshal(cfg)
	return strings.Join(append([]string{kind, string(text)}, rest...), " "), err
}

// Given are the inputs of one run that are not of a trainer's state. The first
// error of an upload stays; the program then does not run.
type Given struct {
	eng     *engine.Engine
	Buffers map[string]compute.Buffer
	Err     error
}

// NewGiven has no input yet.
func NewGiven(e *engine.Engine) *Given {
	return &Given{eng: e, Buffers: map[string]compute.Buffer{}}
}

// Put uploads values, in the place of what was there under the name. Where the engine has several
// devices each gets them all.
func (g *Given) Put(name string, values any, dims ...int) {
	g.put(g.eng.Upload, name, values, dims)
}

// PutRows is Put for a RowsInput: each device gets its share of the rows.
func (g *Given) PutRows(name string, values any, dims ...int) {
	g.put(g.eng.UploadRows, name, values, dims)
}

func (g *Given) put(upload func(any, ...int) (compute.Buffer, error), name string, values any, dims []int) {
	if g.Err != nil {
		return
	}
	b, err := upload(values, dims...)
	if err != nil {
		g.Err = fmt.Errorf("%s: %w", name, err)
		return
	}
	if old := g.Buffers[name]; old != nil {
		_ = old.Finalize()
	}
	g.Buffers[name] = b
}

// Free frees what was put.
func (g *Given) Free() {
	Finalize(g.Buffers)
	g.Buffers = map[string]compute.Buffer{}
}

// numSlots is the number of distinct ids that a graph has room for.
func numSlots(vocab, ids int) int { return min(vocab, ids) }

// DistinctIDs numbers the distinct ids of a batch: distinct[slot[i]] == ids[i].
// The slots left over name ids that the batch lacks, each once, so that a
// scatter by distinct never adds to a row twice.
func DistinctIDs(ids []int64, vocab int) (distinct, slot []int64) {
	place := make([]int64, vocab)
	slot = make([]int64, len(ids))
	for i, id := range ids {
		if place[id] == 0 {
			distinct = append(distinct, id)
			place[id] = int64(len(distinct))
		}
		slot[i] = place[id] - 1
	}
	for id := int64(0); len(distinct) < numSlots(vocab, len(ids)); id++ {
		if place[id] == 0 {
			distinct = append(distinct, id)
		}
	}
	return distinct, slot
}

// PartOf is the i-th part of a size, the last one filled up with zeros.
func PartOf[T any](x []T, i, size int) []T {
	if end := (i + 1) * size; end <= len(x) {
		return x[i*size : end]
	}
	part := make([]T, size)
	copy(part, x[i*size:])
	return part
}
