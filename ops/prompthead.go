package ops

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"react/ops/blas"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/metric"
	"react/ops/op"
)

// readPrompt reads role "prompt", a prompt-tune stage; nil where there is none.
func readPrompt(run *op.Run) (*learnedPrompt, error) {
	dir, ok := run.In["prompt"]
	if !ok {
		return nil, nil
	}
	raw, err := os.ReadFile(filepath.Join(dir, promptFile))
	if err != nil {
		return nil, err
	}
	p := &learnedPrompt{}
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, promptFile), err)
	}
	p.weights, err = layout.ReadSafetensors(filepath.Join(dir, LearnedPromptFile))
	return p, err
}

// promptScores scores features of length 1 with a learned prompt, [images, classes], and gives the model's logit scale. Classes that a context
// of their own was not learned for are an error.
func promptScores(run *op.Run, p *learnedPrompt, set *labelled) (metric.Scores, float64, error) {
	b, err := openBackbone(run, "")
	if err != nil {
		return metric.Scores{}, 0, err
	}
	defer b.close()
	if dim := b.checkpoint.Config.Dim(); dim != set.x.Cols {
		return metric.Scores{}, 0, fmt.Errorf("features have %d values, the model's embeddings %d", set.x.Cols, dim)
	}
	layout, err := p.layout(b.tokenizer, firstNames(set.Names))
	if err != nil {
		return metric.Scores{}, 0, err
	}
	x := set.normalized()
	if p.Contexts == clip.ImageContext {
		scores, err := p.scoreEach(run, b, layout, x)
		return scores, b.logitScale(), err
	}
	places, err := p.places(set)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	head, err := b.encoder.Prompts(p.weights, p.Contexts, layout, places, nil)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	return scoreAll(x, blas.Matrix{Rows: layout.Classes, Cols: x.Cols, Values: head}), b.logitScale(), nil
}

// places are those of the set's classes among the ones that were learned with.
func (p *learnedPrompt) places(set *labelled) ([]int, error) {
	if p.Contexts != clip.ClassContext {
		return nil, nil
	}
	var out []int
	for _, class := range set.Classes {
		at := slices.Index(p.Classes, class)
		if at < 0 {
			return nil, fmt.Errorf("set %s: class %q has no context: it was learned for %d other classes (tune.contexts: \"shared\" serves any)", set.Dir, class, len(p.Classes))
		}
		out = append(out, at)
	}
	return out, nil
}

// scoreEach makes the prompts anew for each image.
func (p *learnedPrompt) scoreEach(run *op.Run, b *backbone, l clip.PromptLayout, x blas.Matrix) (metric.Scores, error) {
	out := metric.Scores{Values: make([]float32, 0, x.Rows*l.Classes), Classes: l.Classes}
	for i := range x.Rows {
		head, err := b.encoder.Prompts(p.weights, p.Contexts, l, nil, x.Row(i))
		if err != nil {
			return out, err
		}
		out.Values = append(out.Values, scoreAll(x.Slice(i, i+1), blas.Matrix{Rows: l.Classes, Cols: x.Cols, Values: head}).Values...)
		run.Progress(op.Progress{Done: i + 1, Total: x.Rows, Note: "images"})
	}
	return out, nil
}
