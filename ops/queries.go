package ops

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/data/embeddings"
)

// QueriesParams are the params of queries.
type QueriesParams struct {
	Set     string   `json:"set,omitempty"` // evaluation set of a generated pool whose class names are used; empty: the outside file
	Prompts []string `json:"prompts"`       // templates with one {}

	Precision string `json:"precision,omitempty"` // "" is f32
}

// Query is one row of queries.parquet; row r belongs to embedding r.
type Query struct {
	Query  string `parquet:"query"` // the string that was encoded
	Class  string `parquet:"class"`
	Index  int32  `parquet:"class_index"`
	Prompt string `parquet:"prompt"`
}

const queriesFile = "queries.parquet"

// queries encodes every class name in every prompt template. In: "checkpoint", "classes". Out: a clip-retrieval folder with captions only, and
// queries.parquet with the strings that were encoded, class by class, prompts in order.
//
//	1: first
var queries = onEngine(define(1, "queries", runQueries))

func runQueries(ctx context.Context, run *Run, p QueriesParams) error {
	classes, err := run.classes(p.Set)
	if err != nil {
		return err
	}
	b, err := run.backboneIn(p.Precision)
	if err != nil {
		return err
	}
	defer b.close()
	rows := makeQueries(classes, p.Prompts)
	texts := make([]string, len(rows))
	meta := make([]embeddings.Meta, len(rows))
	for i, q := range rows {
		texts[i] = q.Query
		meta[i] = embeddings.Meta{Caption: q.Query, Row: int64(i), Label: q.Class}
	}
	vectors, err := b.texts(ctx, texts)
	if err != nil {
		return err
	}
	out, err := embeddings.Create(run.Dir, b.checkpoint.Config.Dim(), embeddings.Options{Text: true})
	if err != nil {
		return err
	}
	if err := out.Append(nil, vectors, meta); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return parquet.WriteFile(run.path(queriesFile), rows)
}

// classes reads role "classes": the class names of a generated set, or an outside file.
func (r *Run) classes(set string) ([]string, error) {
	if dir, ok := r.In["classes"]; ok {
		return datasets.ReadClasses(filepath.Join(dir, "sets", set, "classnames.txt"))
	}
	f, ok := r.Files["classes"]
	if !ok || len(f.Paths) != 1 {
		_, err := r.input("classes")
		return nil, err
	}
	return datasets.ReadClasses(f.Paths[0])
}

func makeQueries(classes, prompts []string) []Query {
	rows := make([]Query, 0, len(classes)*len(prompts))
	for i, class := range classes {
		for _, prompt := range prompts {
			rows = append(rows, Query{Query: fillPrompt(prompt, class), Class: class, Index: int32(i), Prompt: prompt})
		}
	}
	return rows
}

func fillPrompt(prompt, class string) string { return strings.Replace(prompt, "{}", class, 1) }
