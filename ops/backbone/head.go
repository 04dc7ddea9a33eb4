package backbone

import (
	"context"
	"fmt"
	"strings"

	"react/ops/blas"
)

// ClassifierFile is a classifier that was made of text, [classes, dim].
const ClassifierFile = "classifier.npy"

// FillPrompt is a template with a class name.
func FillPrompt(prompt, class string) string { return strings.Replace(prompt, "{}", class, 1) }

// Prompts are every template with every name of each class.
func Prompts[Names ~[]string](classes []Names, templates []string) [][]string {
	out := make([][]string, len(classes))
	for c, names := range classes {
		for _, t := range templates {
			for _, name := range names {
				out[c] = append(out[c], FillPrompt(t, name))
			}
		}
	}
	return out
}

// Average embeds the prompts of each class and gives the normalised means, [classes, dim].
func (b *Backbone) Average(ctx context.Context, prompts [][]string) (blas.Matrix, error) {
	return averageTexts(prompts, b.Checkpoint.Config.Dim(), func(texts []string) ([]float32, error) { return b.Texts(ctx, texts) })
}

// averageTexts is average with what embeds texts, L2-normalised, [texts, dim].
func averageTexts(prompts [][]string, dim int, embed func([]string) ([]float32, error)) (blas.Matrix, error) {
	head := blas.New(len(prompts), dim)
	var texts []string
	var class []int
	flush := func() error {
		u, err := embed(texts)
		if err != nil {
			return err
		}
		for i, c := range class {
			row := head.Row(c)
			for d := range row {
				row[d] += u[i*head.Cols+d]
			}
		}
		texts, class = texts[:0], class[:0]
		return nil
	}
	for c, list := range prompts {
		for _, text := range list {
			texts, class = append(texts, text), append(class, c)
			if len(texts) == 8*Batch {
				if err := flush(); err != nil {
					return head, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return head, err
	}
	for c := range prompts {
		if !blas.Normalize(head.Row(c)) {
			return head, fmt.Errorf("the embeddings of prompt %q and the others of its class have no mean direction", prompts[c][0])
		}
	}
	return head, nil
}
