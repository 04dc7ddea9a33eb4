package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"react/runner/cli"
	"react/runner/experiment"
)

var update = flag.Bool("update", false, "write the committed reports again from their rows")

// TestCommittedReports verifies the folders under results/reports from
// themselves: page, tables and figures are what this program makes of their rows.
// With -update it writes them again.
func TestCommittedReports(t *testing.T) {
	dirs, err := filepath.Glob("../../results/reports/*")
	if err != nil || len(dirs) < 2 {
		t.Fatal("no reports", dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if testing.Short() && filepath.Base(dir) != "quickstart" {
				t.Skip("its 100,000 rows take seconds, and under -race a minute")
			}
			if *update {
				p, err := readPublication(t.Context(), dir)
				if err == nil {
					err = p.write(dir)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			p, faults, err := checkPublication(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults {
				t.Errorf("%s (go test ./runner/report -run CommittedReports -update makes it again from its rows)", fault)
			}
			if len(p.rows) < 100 || len(p.page.Grids) == 0 || len(p.trials) < 10 {
				t.Errorf("%s is not much of a report", p.summary())
			}
			sameTables(t, dir)
		})
	}
}

// sameTables holds the report's tables to those of results/tables.
func sameTables(t *testing.T, dir string) {
	t.Helper()
	published := filepath.Join("../../results/tables", filepath.Base(dir))
	files, err := listFiles(published)
	if err != nil || len(files) == 0 {
		t.Fatal("no tables in", published, err)
	}
	for _, name := range files {
		folder := "tables"
		if ext := filepath.Ext(name); ext == ".svg" || ext == ".pdf" || ext == ".png" {
			folder = "figures"
		}
		a, errA := os.ReadFile(filepath.Join(published, name))
		b, errB := os.ReadFile(filepath.Join(dir, folder, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between results/tables and results/reports: %v, %v", name, errA, errB)
		}
	}
}

// experimentFile is the spec under experiments that a report is named after.
func experimentFile(t *testing.T, name string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("experiments", name+".cue"))
	deeper, _ := filepath.Glob(filepath.Join("experiments", "*", name+".cue"))
	if files = append(files, deeper...); len(files) != 1 {
		t.Fatalf("the report %s has not one experiment but %q", name, files)
	}
	return files[0]
}

// TestReportsAreCurrent compares the committed reports with what their
// experiments would make now: the same spec, and stages of the same keys, so that
// an op or a param that changed shows here and not in a reader's hands.
func TestReportsAreCurrent(t *testing.T) {
	dirs, err := filepath.Glob("../../results/reports/*")
	if err != nil || len(dirs) < 2 {
		t.Fatal("no reports", dirs, err)
	}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			t.Chdir("../..")
			if _, err := os.Stat("cache/emoji/recipe"); name != "quickstart" && err != nil {
				t.Skip("its keys need the images that make emoji fetches")
			}
			file := experimentFile(t, name)
			e, err := experiment.Load(t.Context(), file, nil, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer e.Store.Close()
			at := func(file string) string {
				return filepath.Join("results/reports", name, filepath.FromSlash(file))
			}
			stages, err := readLines[publishedStage](at(publishedStages))
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(at(publishedSpec))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(source, e.Source) {
				t.Errorf("%s is not the file that was run: make tables", file)
			}
			made := map[string]bool{}
			for _, s := range stages {
				made[s.Key] = true
			}
			for _, s := range e.Plan.Stages {
				if !made[s.Key] {
					t.Errorf("stage %s %s is not among those of the report: make tables", s.Op, cli.Short(s.Key))
				}
			}
			if len(e.Plan.Stages) != len(stages) {
				t.Errorf("%d stages now, %d in the report", len(e.Plan.Stages), len(stages))
			}
		})
	}
}

// TestFormerReport: a folder that was published under runner/v1 is checked as it is, in the words
// of then, and made again from its rows it says the same. emoji-why was made before stages recorded
// what they read, emoji-why-late by the last program of runner/v1.
func TestFormerReport(t *testing.T) {
	for name, table := range map[string]string{"emoji-why": "why.txt", "emoji-why-late": "why-late.txt"} {
		t.Run(name, func(t *testing.T) { formerReport(t, name, table) })
	}
}

func formerReport(t *testing.T, name, table string) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../testdata/v1/"+name)); err != nil {
		t.Fatal(err)
	}
	p, err := readPublication(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page") // a folder of its own: this one is no publication yet
	if err := p.write(page); err != nil {
		t.Fatal(err)
	}
	again, faults, err := checkPublication(t.Context(), page)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	if len(again.trials) < 10 || len(again.rows) < 100 {
		t.Errorf("it holds little: %s", again.summary())
	}
	want, err := os.ReadFile("../testdata/v1/" + table)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(page, "tables/why.txt")); err != nil || string(got) != string(want) {
		t.Errorf("%v; its table is\n%s\nand was\n%s", err, got, want)
	}
	// A trial that its spec has not is found, by the names of then.
	for i := range p.trials {
		p.trials[i].Axes = map[string]any{"pairs.control": "oracle"}
	}
	c := &publicationCheck{publication: p, stageOf: map[string]*publishedStage{}}
	if err := c.spec(t.Context(), filepath.Join(dir, "data/spec.cue")); err != nil || len(c.faults) == 0 {
		t.Errorf("%v, faults %q: want one for each trial", err, c.faults)
	}
}
