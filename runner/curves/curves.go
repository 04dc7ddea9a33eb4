// Package curves is what the approximate indexes of an experiment find of the exact hits, against
// what a search costs: the recall of each value of nprobe or efSearch, measured with the
// experiment's own queries.
package curves

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"

	"react/ops/op"
	"react/ops/retrieve"
	"react/results"
	"react/results/figures"
	"react/results/grid"
	"react/results/writers"
	"react/runner/apart"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
)

// Measure measures each approximate index of an experiment once. It has to be in the store, with
// what it is made from.
func Measure(ctx context.Context, e *experiment.Experiment, k int, stderr io.Writer) ([]retrieve.IndexCurve, error) {
	var curves []retrieve.IndexCurve
	seen := map[string]bool{}
	for _, stage := range e.Plan.Stages {
		index := stage.In["index"]
		if stage.Op != "retrieve" || index == nil || seen[index.Key+stage.In["queries"].Key] {
			continue
		}
		seen[index.Key+stage.In["queries"].Key] = true
		var p retrieve.Params
		if err := json.Unmarshal(stage.Params, &p); err != nil {
			return nil, err
		}
		if p.Index.Kind == "flat" {
			fmt.Fprintf(stderr, "%s: the index is flat, which is exact\n", p.By)
			continue
		}
		curve, err := measure(ctx, e, stage, retrieve.TuneIndexParams{By: p.By, Index: p.Index, K: k})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.By, err)
		}
		curves = append(curves, curve)
	}
	if len(curves) == 0 {
		return nil, cli.Usage(fmt.Errorf("%s has no approximate index (index: kind: \"ivf-flat\" is one)", e.File))
	}
	return curves, nil
}

// measure runs the op beside the store, on what is in the store.
func measure(ctx context.Context, e *experiment.Experiment, stage *plan.Stage, p retrieve.TuneIndexParams) (retrieve.IndexCurve, error) {
	dir, err := os.MkdirTemp("", "runner-index-")
	if err != nil {
		return retrieve.IndexCurve{}, err
	}
	defer os.RemoveAll(dir)
	run := &op.Run{Dir: dir, In: map[string]string{}, Files: stage.Files, Workers: 1, Log: io.Discard, Progress: func(op.Progress) {},
		Warn: func(string, ...any) {}, Fact: func(string, any) {}}
	for _, role := range slices.Sorted(maps.Keys(stage.In)) {
		in := stage.In[role]
		entry, ok, err := e.Store.Lookup(in.Key)
		if err == nil && !ok {
			err = fmt.Errorf("stage %s %.12s is not in the store (runner sweep %s makes it)", in.Op, in.Key, e.File)
		}
		if err == nil {
			err = record.ExplainDamage(e.Store, e.Store.Check(ctx, entry))
		}
		if err != nil {
			return retrieve.IndexCurve{}, err
		}
		run.In[role] = entry.Dir
	}
	delete(run.In, "tuned")
	raw, err := op.Canonical(p)
	if err == nil {
		_, err = apart.Run(ctx, "tune-index", run, raw)
	}
	if err != nil {
		return retrieve.IndexCurve{}, err
	}
	return retrieve.ReadIndexCurve(dir)
}

// Print writes a table for each index.
func Print(w io.Writer, curves []retrieve.IndexCurve) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range curves {
		fmt.Fprintf(table, "%s, %s over %s rows, %s queries\n", c.By, c.Kind, cli.Thousands(c.Rows), cli.Thousands(c.Queries))
		fmt.Fprintf(table, "%s\trecall@%d (%%)\tworst class (%%)\tshort hits\n", c.Param, c.K)
		for _, p := range c.Points {
			fmt.Fprintf(table, "%d\t%.1f\t%.1f %s\t%d\n", p.Value, 100*p.Recall, 100*p.Worst, p.WorstClass, p.Shortfall)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// Write writes the points for machines, for spreadsheets and for eyes.
func Write(dir string, curves []retrieve.IndexCurve) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer) error{
		"recall.json": func(w io.Writer) error { return cli.PrintJSON(w, curves) },
		"recall.csv":  func(w io.Writer) error { return asCSV(w, curves) },
		"recall.svg":  func(w io.Writer) error { return asSVG(w, curves) },
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := write(f); err != nil {
			f.Close()
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func asCSV(w io.Writer, curves []retrieve.IndexCurve) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"by", "kind", "param", "value", "k", "queries", "recall", "worst", "worst_class", "shortfall"}}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	for _, c := range curves {
		for _, p := range c.Points {
			rows = append(rows, []string{c.By, c.Kind, c.Param, strconv.Itoa(p.Value), strconv.Itoa(c.K), strconv.Itoa(c.Queries), number(p.Recall), number(p.Worst), writers.CSVCell(p.WorstClass), strconv.Itoa(p.Shortfall)})
		}
	}
	return out.WriteAll(rows)
}

// asSVG draws a panel for the mean and one for the worst class, a line for each modality.
func asSVG(w io.Writer, curves []retrieve.IndexCurve) error {
	var rows []results.Row
	recall := fmt.Sprintf("recall@%d", curves[0].K)
	param := "index." + curves[0].Param
	for i, c := range curves {
		for _, p := range c.Points {
			row := results.Row{Trial: fmt.Sprintf("%d-%d", i, p.Value), Set: "index", N: c.Queries,
				Params: map[string]any{"retrieve.by": c.By, param: int64(p.Value)}}
			for metric, value := range map[string]float64{recall: p.Recall, "worst": p.Worst} {
				row.Metric, row.Value = metric, value
				rows = append(rows, row)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b results.Row) int { return len(a.Metric) - len(b.Metric) })
	spec := grid.Table{Name: "recall", Caption: "Share of the exact hits that an index finds", Rows: grid.Names{"retrieve.by", param},
		Metrics: grid.Names{"index/" + recall, "index/worst"}, Figure: "lines"}
	g, err := grid.Build(spec, rows, grid.Options{})
	if err != nil {
		return err
	}
	return figures.SVG(w, g)
}
