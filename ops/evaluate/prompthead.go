package evaluate

import (
	"fmt"
	"path/filepath"
	"slices"

	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/train"
)

// readPrompt reads role "prompt", a prompt-tune stage; nil where there is none.
func readPrompt(run *op.Run) (*train.LearnedPrompt, error) {
	dir, ok := run.In["prompt"]
	if !ok {
		return nil, nil
	}
	p := &train.LearnedPrompt{}
	err := op.ReadJSON(filepath.Join(dir, train.PromptFile), p)
	if err != nil {
		return nil, err
	}
	p.Weights, err = layout.ReadSafetensors(filepath.Join(dir, train.LearnedPromptFile))
	return p, err
}

// promptScores scores features of length 1 with a learned prompt, [images, classes], and gives the
// model's logit scale. Classes that a context of their own was not learned for are an error.
func promptScores(run *op.Run, p *train.LearnedPrompt, set *embed.Labelled) (metric.Scores, float64, error) {
	b, err := backbone.Open(run, "")
	if err != nil {
		return metric.Scores{}, 0, err
	}
	defer b.Close()
	if err := set.Fits(b); err != nil {
		return metric.Scores{}, 0, err
	}
	layout, err := p.Layout(b.Tokenizer, train.FirstNames(set.Names))
	if err != nil {
		return metric.Scores{}, 0, err
	}
	x := set.Normalized()
	if p.Contexts == clip.ImageContext {
		scores, err := scoreEach(run, p, b, layout, x)
		return scores, b.LogitScale(), err
	}
	places, err := placesOf(p, set)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	head, err := b.Encoder.Prompts(p.Weights, p.Contexts, layout, places, nil)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	return metric.ScoresOf(x, blas.Matrix{Rows: layout.Classes, Cols: x.Cols, Values: head}), b.LogitScale(), nil
}

// placesOf are those of the set's classes among the ones that were learned with.
func placesOf(p *train.LearnedPrompt, set *embed.Labelled) ([]int, error) {
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
func scoreEach(run *op.Run, p *train.LearnedPrompt, b *backbone.Backbone, l clip.PromptLayout, x blas.Matrix) (metric.Scores, error) {
	out := metric.Scores{Values: make([]float32, 0, x.Rows*l.Classes), Classes: l.Classes}
	for i := range x.Rows {
		head, err := b.Encoder.Prompts(p.Weights, p.Contexts, l, nil, x.Row(i))
		if err != nil {
			return out, err
		}
		out.Values = append(out.Values, metric.ScoresOf(x.Slice(i, i+1), blas.Matrix{Rows: l.Classes, Cols: x.Cols, Values: head}).Values...)
		run.Progress(op.Progress{Done: i + 1, Total: x.Rows, Note: "images"})
	}
	return out, nil
}
