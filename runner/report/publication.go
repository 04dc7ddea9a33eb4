package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"react/data/lost"
	"react/data/words"
	"react/results"
	"react/results/figures"
	"react/results/grid"
	pages "react/results/report"
	"react/results/writers"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/spec"
	"react/runner/store"
	"react/runner/tables"
)

// The files of a publication that the others are made from, with slashes. Tables
// lie in tables/, figures in figures/; the page, README.md and the list of digests
// beside them.
const (
	publishedSpec   = "data/spec.cue"
	publishedCommon = "data/" + spec.Common // what its folder shared; absent where that is nothing
	publishedReport = "data/report.json"    // what the page shows besides spec and tables
	publishedTrials = "data/trials.jsonl"   // a publishedTrial a line
	// a publishedStage a line, inputs before readers
	publishedStages      = "data/stages.jsonl"
	publishedRows        = "data/rows.parquet"        // what tables are made of
	publishedPredictions = "data/predictions.parquet" // of the stages that tests compare
	// likewise, of image-text retrieval; absent where there are none
	publishedQueries = "data/queries.parquet"
	// of detection and of segmentation, likewise
	publishedFound    = "data/found.parquet"
	publishedPixels   = "data/pixels.parquet"
	publishedLicences = "LICENSES.md"
	publishedDigests  = "SHA256SUMS" // of all others, as sha256sum -c reads them
)

// publication is an experiment's results as a folder that stands alone: all that
// it shows can be made again from what it holds, without the store, the pool or
// the models.
type publication struct {
	unbound int // found by a check: stages whose keys leave out the depth of a search that matters

	page     *pages.Page // with its tables
	trials   []publishedTrial
	stages   []publishedStage
	rows     []results.Row
	cases    publishedCases
	licences []byte
}

// publishedCases are what stages said of single test cases, by the stage's key.
type publishedCases struct {
	predictions map[string][]results.Prediction
	queries     map[string][]results.Query
	found       map[string][]results.Found
	pixels      map[string][]results.Pixels
}

func newCases() publishedCases {
	return publishedCases{map[string][]results.Prediction{}, map[string][]results.Query{},
		map[string][]results.Found{}, map[string][]results.Pixels{}}
}

// note keeps what is asked for of a source.
func (p publishedCases) note(c tables.Cases) tables.Cases {
	c.Predictions = noting(p.predictions, c.Predictions)
	c.Queries = noting(p.queries, c.Queries)
	c.Found = noting(p.found, c.Found)
	c.Pixels = noting(p.pixels, c.Pixels)
	return c
}

func noting[T any](into map[string][]T, from func(key string) ([]T, error)) func(key string) ([]T, error) {
	return func(key string) ([]T, error) {
		list, err := from(key)
		if len(list) > 0 {
			into[key] = list
		}
		return list, err
	}
}

// publishedTrial is a trial and how far it came.
type publishedTrial struct {
	record.Trial
	Status grid.Status `json:"status"`
	Reason string      `json:"reason,omitempty"`
}

// publishedStage is a stage: what its key is made of, and what it made. Hosts
// and times are left out.
type publishedStage struct {
	Key   string            `json:"key"`
	Op    string            `json:"op"`
	In    map[string]string `json:"in,omitempty"` // role → key
	Lines []string          `json:"lines"`        // the key's preimage
	Files []store.File      `json:"files,omitempty"`
	// key → digest of the files that were read, see outputDigest
	Inputs    map[string]string `json:"inputs,omitempty"`
	Engine    string            `json:"engine,omitempty"`
	Libraries map[string]any    `json:"libraries,omitempty"` // of the engine, with versions
	Commit    string            `json:"commit,omitempty"`    // of the program
	Warnings  []string          `json:"warnings,omitempty"`
	Lost      []lost.Count      `json:"lost,omitempty"` // of the pools and sets that it reads
}

// publication gathers it from the store.
func (r *reporter) publication() (*publication, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	p := &publication{page: page, rows: r.rows, cases: r.asked}
	plan := record.Describe(r.Experiment)
	for i, state := range r.trials {
		p.trials = append(p.trials, publishedTrial{plan.Trials[i], state.Status, state.Reason})
	}
	for _, s := range plan.Stages {
		p.stages = append(p.stages, publishedStageOf(s, r.entries))
	}
	p.licences, err = r.licences()
	return p, err
}

func publishedStageOf(s record.Stage, entries map[string]store.Entry) publishedStage {
	out := publishedStage{Key: s.Key, Op: s.Op, In: s.In, Lines: s.Lines}
	entry, ok := entries[s.Key]
	if !ok {
		return out
	}
	m := entry.Manifest
	out.Files, out.Inputs, out.Warnings = m.Files, m.Inputs, m.Warnings
	out.Engine, _ = m.Facts[record.EngineFact].(string)
	out.Libraries, _ = m.Facts[record.EngineLibrariesFact].(map[string]any)
	out.Commit, _ = m.Facts[record.CommitFact].(string)
	out.Lost = record.LostOf(m.Facts)
	return out
}

// sources are the files that the others are made from.
func (p *publication) sources() ([]results.File, error) {
	report, err := json.MarshalIndent(p.page, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", publishedReport, err)
	}
	trials, err := lines(p.trials)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", publishedTrials, err)
	}
	stages, err := lines(p.stages)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", publishedStages, err)
	}
	var rows bytes.Buffer
	if err := results.WriteParquet(&rows, p.rows); err != nil {
		return nil, fmt.Errorf("%s: %w", publishedRows, err)
	}
	files := []results.File{{Path: publishedLicences, Data: p.licences}, {Path: publishedReport, Data: append(report, '\n')}, {Path: publishedRows, Data: rows.Bytes()},
		{Path: publishedSpec, Data: p.page.Spec}, {Path: publishedStages, Data: stages}, {Path: publishedTrials, Data: trials}}
	var predictions bytes.Buffer
	if err := results.WritePredictionsByStage(&predictions, p.cases.predictions); err != nil {
		return nil, fmt.Errorf("%s: %w", publishedPredictions, err)
	}
	files = append(files, results.File{Path: publishedPredictions, Data: predictions.Bytes()})
	if p.page.Common != nil {
		files = append(files, results.File{Path: publishedCommon, Data: p.page.Common})
	}
	queries, err := caseFile(publishedQueries, p.cases.queries, results.WriteQueriesByStage)
	found, errFound := caseFile(publishedFound, p.cases.found, results.WriteFoundByStage)
	pixels, errPixels := caseFile(publishedPixels, p.cases.pixels, results.WritePixelsByStage)
	return slices.Concat(files, queries, found, pixels), errors.Join(err, errFound, errPixels)
}

// caseFile is the file of some cases, where there are any.
func caseFile[T any](path string, byStage map[string][]T,
	write func(w io.Writer, byStage map[string][]T) error) ([]results.File, error) {
	if len(byStage) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	if err := write(&b, byStage); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return []results.File{{Path: path, Data: b.Bytes()}}, nil
}

func lines[T any](list []T) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, one := range list {
		if err := enc.Encode(one); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// derived are the files that follow from the sources: page, tables, figures and
// the note on how to use them.
func (p *publication) derived() ([]results.File, error) {
	files, err := writers.Files(p.page.Grids)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		folder := "tables/"
		if slices.Contains([]string{".svg", ".pdf", ".png"}, filepath.Ext(f.Path)) {
			folder = "figures/"
		}
		files[i].Path = folder + f.Path
	}
	drawn, err := figureFiles(p.page)
	if err != nil {
		return nil, err
	}
	for _, f := range drawn {
		files = append(files, results.File{Path: "figures/" + f.Path, Data: f.Data})
	}
	var page bytes.Buffer
	if err := p.page.Write(&page); err != nil {
		return nil, err
	}
	return append(files, results.File{Path: pageFile, Data: page.Bytes()}, results.File{Path: "README.md", Data: p.readme()}), nil
}

// figureFiles are the page's figures besides those of tables.
func figureFiles(page *pages.Page) ([]results.File, error) {
	var files []results.File
	for _, f := range page.Figures {
		if f.Table != "" {
			continue
		}
		drawing, err := page.Drawing(f)
		if err != nil {
			return nil, err
		}
		drawn, err := figures.Files(f.Name, drawing)
		if err != nil {
			return nil, err
		}
		files = append(files, drawn...)
	}
	return files, nil
}

// files are all, with the list of their digests last.
func (p *publication) files() ([]results.File, error) {
	files, err := p.sources()
	if err != nil {
		return nil, err
	}
	derived, err := p.derived()
	if err != nil {
		return nil, err
	}
	files = append(files, derived...)
	slices.SortFunc(files, func(a, b results.File) int { return cmp.Compare(a.Path, b.Path) })
	var sums bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&sums, "%s  %s\n", record.SHA256Hex(f.Data), f.Path)
	}
	return append(files, results.File{Path: publishedDigests, Data: sums.Bytes()}), nil
}

// write puts the files into dir, which must be new, empty or an older
// publication; files of that which are no more are removed.
func (p *publication) write(dir string) error {
	old, err := listFiles(dir)
	if err != nil {
		return err
	}
	if len(old) > 0 && !slices.Contains(old, publishedDigests) {
		return cli.Usage(fmt.Errorf("%s holds files and is no folder that runner publish wrote; name another", dir))
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, f := range files {
		kept[f.Path] = true
	}
	if _, err := results.WriteFiles(dir, files); err != nil {
		return err
	}
	for _, name := range old {
		if !kept[name] {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// listFiles lists the files under dir by their paths with slashes; none where
// dir is not there. A link is an error: what is read, written and removed by these
// names must lie in dir.
func listFiles(dir string) ([]string, error) {
	var names []string
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		dir = target
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is a link or no file: a publication holds what it shows", path)
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	return names, err
}

// summary counts what the folder holds.
func (p *publication) summary() string {
	return fmt.Sprintf("%s, %s, %s, %d rows", words.Plural(len(p.page.Grids), "table"), words.Plural(len(p.trials), "trial"),
		words.Plural(len(p.stages), "stage"), len(p.rows))
}
