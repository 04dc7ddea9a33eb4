package writers

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/results"
	"react/results/grid"
	"react/results/internal/modes"
	"react/results/internal/sample"
	"react/results/plain"
)

func TestGoldens(t *testing.T) {
	half, rows, opts := sample.HalfDone()
	half.Name = "half-done"
	whole := sample.Options()
	whole.Predictions = modes.Predictions(modes.Rows(), 24, "task", "others")
	for _, g := range []*grid.Grid{sample.Build(t, sample.Table(), modes.Rows(), whole), sample.Build(t, half, rows, opts)} {
		t.Run(g.Table.Name, func(t *testing.T) {
			for _, f := range All() {
				if f.Ext != ".parquet" { // TestParquetReadsBack
					sample.Golden(t, g.Table.Name+cmp.Or(f.Ext, ".html"), written(t, g, f.Write))
				}
			}
			sample.Golden(t, g.Table.Name+"-80.txt", textOf(t, g, 80))
			sample.Golden(t, g.Table.Name+"-32.txt", textOf(t, g, 32))
			sample.Golden(t, g.Table.Name+".json", written(t, g, stats))
		})
	}
}

// TestEveryFormatIsListed: each function of this package that writes a table is in All, so that
// what lists formats cannot miss one.
func TestEveryFormatIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, w := range All() {
		name := runtime.FuncForPC(reflect.ValueOf(w.Write).Pointer()).Name()
		listed[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(\w+ io\.Writer, \w+ \*grid\.Grid\) error`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range form.FindAllSubmatch(text, -1) {
			if name := string(match[1]); !listed[name] {
				t.Errorf("%s: %s writes tables and is not in All (all.go)", file, name)
			}
		}
	}
}

// nasty are labels with what is special to a writer or a terminal.
var nasty = []string{
	`50% & more_$x$ #1 {y} ~z ^ \cmd`, `[0.9] *star* | pipe`, "two\nlines\tand \x1b[31mred", "<b>bold</b> &amp; `code`", `"quoted", 'and' ''not''`,
	"動詞 γ≥0.9 → é", "👩‍🚀 astronaut", "--set x ---", "bad \xff utf-8", "\u202egnp.exe", "=1+1", "`", "",
}

func nastyGrid(t testing.TB) *grid.Grid {
	s := modes.Study{}
	for i, label := range nasty {
		s.Add("", -1, float64(i)/100, "a", label, "b", label)
	}
	return sample.Build(t, grid.Table{Name: "na/sty|" + nasty[0], Caption: strings.Join(nasty, " "), Rows: grid.Names{"a"}, Metrics: grid.Names{"task/acc@1"}}, s.Rows,
		grid.Options{Experiment: nasty[0], Command: strings.Join(nasty, " ")})
}

func TestEscapes(t *testing.T) {
	tests := []struct {
		name     string
		escape   func(string) string
		in, want string
	}{
		{"latex", latex, nasty[0], `50\% \& more\_\$x\$ \#1 \{y\} \textasciitilde{}z \textasciicircum{} \textbackslash{}cmd`},
		{"latex line start", latex, nasty[1], `{[}0.9{]} {*}star{*} \textbar{} pipe`},
		{"latex control", latex, nasty[2], "two lines and \uFFFD{[}31mred"},
		{"latex greek", latex, nasty[5], `動詞 \ensuremath{\gamma}\ensuremath{\geq}0.9 \ensuremath{\to} é`},
		{"latex hyphens", latex, nasty[7], `-{}-set x -{}-{}-`},
		{"latex bytes", latex, nasty[8], "bad \uFFFD utf-8"},
		{"markdown", markdown, nasty[0], `50% &amp; more\_<span>$</span>x<span>$</span> \#1 {y} \~z ^ \\cmd`},
		{"markdown pipe", markdown, nasty[1], `\[0.9\] \*star\* \| pipe`},
		{"markdown html", markdown, nasty[3], "&lt;b&gt;bold&lt;/b&gt; &amp;amp; \\`code\\`"},
		{"text direction", plain.Line, nasty[9], "\uFFFDgnp.exe"},
		{"code", codeSpan, "a `b` c", "``a `b` c``"},
		{"code of ticks", codeSpan, "`", "`` ` ``"},
		{"file name", results.FileName, "../na sty|é", "na-sty--"},
		{"file of nothing", results.FileName, "..", "table"},
		{"math", latexMath, "+1.3e-05 ± 2e+10", `+1.3\cdot 10^{-5} \pm 2\cdot 10^{10}`},
	}
	for _, tt := range tests {
		if got := tt.escape(tt.in); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestNastyMarkdown(t *testing.T) {
	for _, line := range strings.Split(written(t, nastyGrid(t), Markdown), "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if bars := strings.Count(line, "|") - strings.Count(line, `\|`); bars != 3 {
			t.Errorf("%d bars in %q", bars, line)
		}
	}
}

func TestNastyLaTeX(t *testing.T) {
	checkLaTeX(t, written(t, nastyGrid(t), LaTeX))
}

// checkLaTeX makes sure that braces, environments and dollars are paired and
// that each line of a tabular has its number of cells.
func checkLaTeX(t testing.TB, tex string) {
	t.Helper()
	depth, dollars := 0, 0
	var open []string
	for _, line := range strings.Split(tex, "\n") {
		if strings.HasPrefix(line, "%") {
			continue
		}
		for i := 0; i < len(line); i++ {
			switch line[i] {
			case '\\':
				i++
			case '{':
				depth++
			case '}':
				depth--
			case '$':
				dollars++
			case '%':
				t.Errorf("bare %% in %q", line)
			}
			if depth < 0 {
				t.Fatalf("} too many in %q", line)
			}
		}
		if rest, ok := strings.CutPrefix(line, `\begin{`); ok {
			open = append(open, rest[:strings.IndexByte(rest, '}')])
		}
		if rest, ok := strings.CutPrefix(line, `\end{`); ok {
			if len(open) == 0 || open[len(open)-1] != rest[:strings.IndexByte(rest, '}')] {
				t.Fatalf("%q closes %q", line, open)
			}
			open = open[:len(open)-1]
		}
	}
	if depth != 0 || dollars%2 != 0 || len(open) > 0 {
		t.Errorf("unbalanced: braces %d, dollars %d, open %q in\n%s", depth, dollars, open, tex)
	}
}

func TestNastyCSV(t *testing.T) {
	lines, err := csv.NewReader(strings.NewReader(written(t, nastyGrid(t), CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(lines[0], "a")
	var got []string
	for _, line := range lines[1:] {
		got = append(got, line[at])
	}
	for _, label := range nasty {
		if !slices.Contains(got, CSVCell(strings.ToValidUTF8(label, "\uFFFD"))) { // no formula
			t.Errorf("label %q is not among %q", label, got)
		}
	}
}

// Lines are never wider than the terminal, unless a single word or column is.
func TestTextWidth(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	for _, g := range []*grid.Grid{sample.Build(t, spec, rows, opts), nastyGrid(t)} {
		step := 1
		if testing.Short() {
			step = 9
		}
		for width := 1; width < 200; width += step {
			checkWidth(t, g, width)
		}
	}
}

func checkWidth(t testing.TB, g *grid.Grid, width int) {
	t.Helper()
	for _, line := range strings.Split(textOf(t, g, width), "\n") {
		if plain.Width(line) > width && strings.ContainsAny(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "  ") && len(strings.Fields(line)) > 2 {
			t.Fatalf("width %d: line of %d: %q", width, plain.Width(line), line)
		}
		if strings.ContainsAny(line, "\x1b\t\r") || strings.HasSuffix(line, " ") {
			t.Fatalf("width %d: %q", width, line)
		}
	}
}

func TestParquetReadsBack(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	g := sample.Build(t, spec, rows, opts)
	data := written(t, g, Parquet)
	if again := written(t, sample.Build(t, spec, rows, opts), Parquet); again != data {
		t.Error("not the same bytes again")
	}
	f, err := parquet.OpenFile(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := f.Lookup("caption"); got != spec.Caption {
		t.Errorf("caption: got %q", got)
	}
	lines, err := csv.NewReader(strings.NewReader(written(t, g, CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.Schema().Columns() {
		names = append(names, strings.Join(c, "."))
	}
	if !slices.Equal(names, lines[0]) {
		t.Fatalf("columns: got %q, want %q", names, lines[0])
	}
	reader := parquet.NewReader(f)
	defer reader.Close()
	for n, line := range lines[1:] {
		record := map[string]any{}
		if err := reader.Read(&record); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if got := csvText(record[name]); got != line[i] {
				t.Errorf("line %d, %s: parquet %q, csv %q", n, name, got, line[i])
			}
		}
	}
}

func TestStatsHoldWhatIsShown(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	g := sample.Build(t, spec, rows, opts)
	var shown struct {
		Cells []struct {
			Shown       string
			Differences []struct{ Shown, ShownHolm string }
		}
		Fixed []struct{ Shown string }
	}
	if err := json.Unmarshal([]byte(written(t, g, stats)), &shown); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{grid.None: true}
	for _, c := range shown.Cells {
		known[c.Shown] = true
		for _, d := range c.Differences {
			known[d.Shown], known[d.ShownHolm] = true, true
		}
	}
	for _, s := range sheetsOf(g) {
		for _, l := range s.lines {
			for _, p := range l.pieces {
				if !known[p.text()] {
					t.Errorf("%q is shown and not in stats.json", p.text())
				}
			}
		}
	}
}

func TestWriteAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "tables")
	g := sample.Build(t, sample.Table(), modes.Rows(), sample.Options())
	other := sample.Table()
	other.Name = "other table"
	paths, err := WriteAll(dir, []*grid.Grid{g, sample.Build(t, other, modes.Rows(), grid.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
		if info, err := os.Stat(p); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	want := []string{"modes.txt", "modes.md", "modes.tex", "modes.csv", "modes.parquet", "other-table.txt", "other-table.md", "other-table.tex", "other-table.csv", "other-table.parquet", "stats.json"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	other.Name = "MODES"
	_, err = WriteAll(dir, []*grid.Grid{g, sample.Build(t, other, modes.Rows(), grid.Options{})})
	if want := `tables "modes" and "MODES" would be the same file "modes"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A file that is in the way as a folder stays, and the error names it.
func TestWriteAllFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "modes.md", "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := WriteAll(dir, []*grid.Grid{sample.Build(t, sample.Table(), modes.Rows(), grid.Options{})})
	if err == nil || !strings.Contains(err.Error(), "modes.md") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWriterErrors(t *testing.T) {
	g := sample.Build(t, sample.Table(), modes.Rows(), grid.Options{})
	for _, f := range append(All(), Writer{"stats", ".json", stats}) {
		if err := f.Write(fullDisk{}, g); err == nil {
			t.Errorf("%s: no error from a full disk", f.Name)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func FuzzLabels(f *testing.F) {
	for _, label := range nasty {
		f.Add(label, "task", 40)
	}
	f.Fuzz(func(t *testing.T, label, set string, width int) {
		s := modes.Study{}
		for seed := range 2 {
			s.Add(label, seed, 0.5, "a", label)
			s.Add("", seed, 0.4, "a", set)
		}
		g, err := grid.Build(grid.Table{Name: set, Caption: label, Rows: grid.Names{"a"}, Metrics: grid.Names{"task/acc@1"}, Baseline: label}, s.Rows, grid.Options{Command: label})
		if err != nil {
			return
		}
		textOf(t, g, width%300)
		checkLaTeX(t, written(t, g, LaTeX))
		for _, f := range append(All(), Writer{"stats", ".json", stats}) {
			written(t, g, f.Write)
		}
		if _, err := csv.NewReader(bytes.NewReader([]byte(written(t, g, CSV)))).ReadAll(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoRows(t *testing.T) {
	for name, opts := range map[string]grid.Options{
		"nothing planned": {},
		"all pending":     {Trials: []grid.Trial{{ID: "a", Label: "base", Params: map[string]any{"tune.mode": "none"}}, {ID: "b", Params: map[string]any{"tune.mode": "full", "retrieve.k": 4}, Seed: results.Seed(0)}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := sample.Build(t, sample.Table(), nil, opts)
			for _, width := range []int{0, 20, 80} {
				textOf(t, g, width)
			}
			for _, f := range All() {
				written(t, g, f.Write)
			}
			got := textOf(t, g, 0)
			if want := map[string]string{"nothing planned": "(no rows)", "all pending": "pending"}[name]; !strings.Contains(got, want) {
				t.Errorf("want %q in\n%s", want, got)
			}
		})
	}
}

func TestShuffledRowsSameTable(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	want := everything(t, sample.Build(t, spec, rows, opts))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := everything(t, sample.Build(t, spec, rows, opts)); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func everything(t *testing.T, g *grid.Grid) string {
	var b strings.Builder
	for _, f := range All() {
		b.WriteString(written(t, g, f.Write))
	}
	b.WriteString(written(t, g, stats))
	return b.String()
}

// TestCSVOfSpans: a cell that spans columns has one line, one in several of them another for each.
func TestCSVOfSpans(t *testing.T) {
	s := modes.Study{}
	for _, by := range []string{"t2i", "t2t"} {
		for _, k := range []int{1, 2} {
			s.Add("", -1, 0.5, "tune.mode", "full", "retrieve.by", []any{by}, "retrieve.k", k)
		}
		s.Add("c", -1, 0.3, "tune.mode", "full", "retrieve.by", by)
	}
	s.Add("d", -1, 0.2, "tune.mode", "full", "retrieve.k", 2)
	spec := grid.Table{Name: "t", Rows: grid.Names{"tune.mode"}, Metrics: grid.Names{"task/acc@1"}}
	spec.Columns, spec.Baseline = grid.Names{"retrieve.by", "retrieve.k"}, "c"
	g := sample.Build(t, spec, s.Rows, grid.Options{})
	csv := written(t, g, CSV)
	for _, want := range []string{"t,c,c,full,,t2i,,true,", "t,d,d,full,t2i k=2,t2i,2,false,", "t,d,d,full,t2t k=2,t2t,2,false,"} {
		if strings.Count(csv, want) != 1 {
			t.Errorf("csv: want one line %q in\n%s", want, csv)
		}
	}
}

// TestCorrected: what is fixed beforehand has its own correction beside it, the rest a table.
func TestCorrected(t *testing.T) {
	spec, opts := sample.Table(), grid.Options{Predictions: modes.Predictions(modes.Rows(), 24, "task", "others")}
	spec.Fixed = []grid.Comparison{{Row: "random", Against: "base"}, {Row: "full", Against: "random", Metric: "others/acc@1"}}
	text := textOf(t, sample.Build(t, spec, modes.Rows(), opts), 0)
	for _, want := range []string{"[1] fixed beforehand: corrected among 2 fixed comparisons", "; corrected for 2: [", "Difference to base, corrected"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestPublishedFigures(t *testing.T) {
	spec := sample.Table()
	spec.Published = []grid.Published{{Row: "gated-image", Column: "k=8", Ref: "react/imagenet/clip-b32/gated-image/laion400m"}}
	text := textOf(t, sample.Build(t, spec, modes.Rows(), grid.Options{}), 0)
	for _, want := range []string{"Beside published figures", "REACT gated, CLIP ViT-B/32", "68.6", "Published: REACT gated, CLIP ViT-B/32: REACT, README of microsoft/react",
		"not the same in "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
