package embed

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/embeddings"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/op"
)

// QueriesParams are the params of queries.
type QueriesParams struct {
	// of a generated pool, or BenchmarkClasses, whose class names are used; empty: the outside file
	Set     string   `json:"set,omitempty"`
	Prompts []string `json:"prompts"` // templates with one {}

	Precision string `json:"precision,omitempty"` // "" is f32
	// one query a class, the mean of its prompts' embeddings
	Mean bool `json:"mean,omitempty"`
}

// Query is one row of queries.parquet; row r belongs to embedding r.
type Query struct {
	Query string `parquet:"query"` // the string that was encoded
	Class string `parquet:"class"`
	Index int32  `parquet:"class_index"`
	// the template; with the class name in place of each {} it is Query
	Prompt string `parquet:"prompt"`
}

// QueriesFile holds a row for each embedding: see Query.
const QueriesFile = "queries.parquet"

// QueriesOp encodes every class name in every prompt template. In: "checkpoint", "classes",
// optional "synonyms", whose names are asked as the classes' own are. Out: a clip-retrieval folder
// with captions only, and queries.parquet with the strings that were encoded, class by class, names
// and prompts in order. With mean a class is one query, the renormalised mean of its strings'
// embeddings, and Query lists them.
//
//	1: first
//	2: captions are cleaned as ftfy does (same ids for printable ASCII)
var QueriesOp = op.OnEngine(op.Define(2, "queries", runQueries,
	op.Says[QueriesParams](op.NoWork, QueriesParams.pace, QueriesParams.memory, op.NoCheck)))

func (p QueriesParams) pace(at op.Known) op.Pace {
	queries := float64(at.Queries.N())
	return op.Pace{Work: queries, Volume: queries, Model: true}
}

func (p QueriesParams) memory(at op.Place) (clip.Memory, error) {
	return backbone.Memory(at, p.Precision)
}

func runQueries(ctx context.Context, run *op.Run, p QueriesParams) error {
	classes, err := Classes(run, p.Set)
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	names, err := Names(run, classes)
	if err != nil {
		return err
	}
	rows := makeQueries(names, p.Prompts)
	texts := make([]string, len(rows))
	meta := make([]embeddings.Meta, len(rows))
	for i, q := range rows {
		texts[i] = q.Query
		meta[i] = embeddings.Meta{Caption: q.Query, Row: int64(i), Label: q.Class}
	}
	vectors, err := b.Texts(ctx, texts)
	if err != nil {
		return err
	}
	if p.Mean {
		if rows, meta, vectors, err = meanQueries(rows, vectors); err != nil {
			return err
		}
	}
	out, err := embeddings.Create(run.Dir, b.Checkpoint.Config.Dim(), embeddings.Options{Text: true})
	if err != nil {
		return err
	}
	if err := out.Append(nil, vectors, meta); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return parquet.WriteFile(run.Path(QueriesFile), rows)
}

// BenchmarkClasses is the set whose classes are those of a benchmark, or of a suite, of the
// catalogue; digest is that of what it says.
func BenchmarkClasses(name, digest string) string { return benchmarkPrefix + name + " " + digest }

const benchmarkPrefix = "benchmark:"

// BenchmarkOf is the benchmark or the suite that a set names; "" where it names none.
func BenchmarkOf(set string) string {
	rest, ok := strings.CutPrefix(set, benchmarkPrefix)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	return name
}

// Classes are those of a benchmark that set names, or of role "classes": the class names of a
// generated set, or an outside file.
func Classes(run *op.Run, set string) ([]string, error) {
	if name := BenchmarkOf(set); name != "" {
		classes, _, err := catalogue.QueryClasses(name)
		return classes, err
	}
	if dir, ok := run.In["classes"]; ok {
		return classnames.Read(filepath.Join(dir, "sets", set, "classnames.txt"))
	}
	f, ok := run.Files["classes"]
	if !ok || len(f.Paths) != 1 {
		_, err := run.Input("classes")
		return nil, err
	}
	return classnames.Read(f.Paths[0])
}

// Names are the names of each class, its own first, with role "synonyms" the others too.
func Names(run *op.Run, classes []string) ([][]string, error) {
	if f, ok := run.Files["synonyms"]; ok && len(f.Paths) == 1 {
		return classnames.ReadSynonyms(f.Paths[0], classes)
	}
	return OwnNames(classes), nil
}

// OwnNames are classes without synonyms.
func OwnNames(classes []string) [][]string {
	names := make([][]string, len(classes))
	for i, class := range classes {
		names[i] = []string{class}
	}
	return names
}

// makeQueries fills the prompts with the names of each class.
func makeQueries(names [][]string, prompts []string) []Query {
	var rows []Query
	for i, of := range names {
		for n, name := range of {
			for _, prompt := range prompts {
				q := Query{Query: backbone.FillPrompt(prompt, name), Class: of[0], Index: int32(i), Prompt: prompt}
				if n > 0 { // a synonym's template would say that the class name was asked
					q.Prompt = q.Query
				}
				rows = append(rows, q)
			}
		}
	}
	return rows
}

// meanQueries joins the queries of each class to one.
func meanQueries(rows []Query, vectors []float32) ([]Query, []embeddings.Meta, []float32, error) {
	dim := len(vectors) / len(rows)
	var out []Query
	var means []float32
	for start := 0; start < len(rows); {
		q, end := rows[start], start
		mean := make([]float32, dim)
		for ; end < len(rows) && rows[end].Index == q.Index; end++ {
			for d, v := range vectors[end*dim : (end+1)*dim] {
				mean[d] += v
			}
			if end > start {
				q.Query, q.Prompt = q.Query+" | "+rows[end].Query, q.Prompt+" | "+rows[end].Prompt
			}
		}
		if !blas.Normalize(mean) {
			return nil, nil, nil, fmt.Errorf("the embeddings of prompt %q and the others of its class have no mean direction", rows[start].Query)
		}
		out, means, start = append(out, q), append(means, mean...), end
	}
	meta := make([]embeddings.Meta, len(out))
	for i, q := range out {
		meta[i] = embeddings.Meta{Caption: q.Query, Row: int64(i), Label: q.Class}
	}
	return out, meta, means, nil
}
