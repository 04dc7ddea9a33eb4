package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestGoldens(t *testing.T) {
	half, rows, opts := halfDone()
	half.Name = "half-done"
	modes := modesOptions()
	modes.Predictions = predictionsFor(modesRows(), 24, "task", "others")
	for _, g := range []*Grid{mustBuild(t, modesTable(), modesRows(), modes), mustBuild(t, half, rows, opts)} {
		t.Run(g.Table.Name, func(t *testing.T) {
			golden(t, g.Table.Name+".txt", textOf(t, g, 0))
			golden(t, g.Table.Name+"-80.txt", textOf(t, g, 80))
			golden(t, g.Table.Name+"-32.txt", textOf(t, g, 32))
			golden(t, g.Table.Name+".md", written(t, g.Markdown))
			golden(t, g.Table.Name+".tex", written(t, g.LaTeX))
			golden(t, g.Table.Name+".csv", written(t, g.CSV))
			golden(t, g.Table.Name+".json", written(t, g.JSON))
		})
	}
}

// nasty are labels with what is special to a writer or a terminal.
var nasty = []string{
	`50% & more_$x$ #1 {y} ~z ^ \cmd`, `[0.9] *star* | pipe`, "two\nlines\tand \x1b[31mred", "<b>bold</b> &amp; `code`", `"quoted", 'and' ''not''`,
	"動詞 γ≥0.9 → é", "👩‍🚀 astronaut", "--set x ---", "bad \xff utf-8", "\u202egnp.exe", "=1+1", "`", "",
}

func nastyGrid(t testing.TB) *Grid {
	s := study{}
	for i, label := range nasty {
		s.add("", -1, float64(i)/100, "a", label, "b", label)
	}
	return mustBuild(t, Table{Name: "na/sty|" + nasty[0], Caption: strings.Join(nasty, " "), Rows: Names{"a"}, Metrics: Names{"task/acc@1"}}, s.rows,
		Options{Experiment: nasty[0], Command: strings.Join(nasty, " ")})
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
		{"text direction", clean, nasty[9], "\uFFFDgnp.exe"},
		{"code", codeSpan, "a `b` c", "``a `b` c``"},
		{"code of ticks", codeSpan, "`", "`` ` ``"},
		{"file name", fileName, "../na sty|é", "na-sty--"},
		{"file of nothing", fileName, "..", "table"},
		{"math", latexMath, "+1.3e-05 ± 2e+10", `+1.3\cdot 10^{-5} \pm 2\cdot 10^{10}`},
	}
	for _, tt := range tests {
		if got := tt.escape(tt.in); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestNastyMarkdown(t *testing.T) {
	for _, line := range strings.Split(written(t, nastyGrid(t).Markdown), "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if bars := strings.Count(line, "|") - strings.Count(line, `\|`); bars != 3 {
			t.Errorf("%d bars in %q", bars, line)
		}
	}
}

func TestNastyLaTeX(t *testing.T) {
	checkLaTeX(t, written(t, nastyGrid(t).LaTeX))
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
	lines, err := csv.NewReader(strings.NewReader(written(t, nastyGrid(t).CSV))).ReadAll()
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
	spec, rows, opts := halfDone()
	for _, g := range []*Grid{mustBuild(t, spec, rows, opts), nastyGrid(t)} {
		step := 1
		if testing.Short() {
			step = 9
		}
		for width := 1; width < 200; width += step {
			checkWidth(t, g, width)
		}
	}
}

func checkWidth(t testing.TB, g *Grid, width int) {
	t.Helper()
	for _, line := range strings.Split(textOf(t, g, width), "\n") {
		if wide(line) > width && strings.ContainsAny(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "  ") && len(strings.Fields(line)) > 2 {
			t.Fatalf("width %d: line of %d: %q", width, wide(line), line)
		}
		if strings.ContainsAny(line, "\x1b\t\r") || strings.HasSuffix(line, " ") {
			t.Fatalf("width %d: %q", width, line)
		}
	}
}

func TestParquetReadsBack(t *testing.T) {
	spec, rows, opts := halfDone()
	g := mustBuild(t, spec, rows, opts)
	data := written(t, g.Parquet)
	if again := written(t, mustBuild(t, spec, rows, opts).Parquet); again != data {
		t.Error("not the same bytes again")
	}
	f, err := parquet.OpenFile(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := f.Lookup("caption"); got != spec.Caption {
		t.Errorf("caption: got %q", got)
	}
	lines, err := csv.NewReader(strings.NewReader(written(t, g.CSV))).ReadAll()
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
	spec, rows, opts := halfDone()
	g := mustBuild(t, spec, rows, opts)
	var stats struct {
		Cells []struct {
			Shown       string
			Differences []struct{ Shown, ShownHolm string }
		}
		Fixed []struct{ Shown string }
	}
	if err := json.Unmarshal([]byte(written(t, g.JSON)), &stats); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{none: true}
	for _, c := range stats.Cells {
		known[c.Shown] = true
		for _, d := range c.Differences {
			known[d.Shown], known[d.ShownHolm] = true, true
		}
	}
	for _, s := range g.sheets() {
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
	g := mustBuild(t, modesTable(), modesRows(), modesOptions())
	other := modesTable()
	other.Name = "other table"
	paths, err := WriteAll(dir, []*Grid{g, mustBuild(t, other, modesRows(), Options{})})
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
	_, err = WriteAll(dir, []*Grid{g, mustBuild(t, other, modesRows(), Options{})})
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
	_, err := WriteAll(dir, []*Grid{mustBuild(t, modesTable(), modesRows(), Options{})})
	if err == nil || !strings.Contains(err.Error(), "modes.md") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWriterErrors(t *testing.T) {
	g := mustBuild(t, modesTable(), modesRows(), Options{})
	for _, f := range append(g.writers(), fileWriter{".json", g.JSON}) {
		if err := f.write(fullDisk{}); err == nil {
			t.Errorf("%s: no error from a full disk", f.ext)
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
		s := study{}
		for seed := range 2 {
			s.add(label, seed, 0.5, "a", label)
			s.add("", seed, 0.4, "a", set)
		}
		g, err := Build(Table{Name: set, Caption: label, Rows: Names{"a"}, Metrics: Names{"task/acc@1"}, Baseline: label}, s.rows, Options{Command: label})
		if err != nil {
			return
		}
		textOf(t, g, width%300)
		checkLaTeX(t, written(t, g.LaTeX))
		for _, w := range []func(io.Writer) error{g.Markdown, g.CSV, g.Parquet, g.JSON} {
			written(t, w)
		}
		if _, err := csv.NewReader(bytes.NewReader([]byte(written(t, g.CSV)))).ReadAll(); err != nil {
			t.Error(err)
		}
	})
}
