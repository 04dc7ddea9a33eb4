package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"react/results/reference"
)

// TestReadmeShowsTheCommittedTables holds the README to results/tables.
func TestReadmeShowsTheCommittedTables(t *testing.T) {
	readme := readText(t, "README.md")
	for _, name := range []string{"quickstart", "emoji"} {
		shown := 0
		for _, line := range strings.Split(readText(t, "results/tables/"+name+"/main.md"), "\n") {
			if strings.HasPrefix(line, "**Difference") {
				break
			}
			if !strings.HasPrefix(line, "|") {
				continue
			}
			shown++
			if !strings.Contains(readme, line+"\n") {
				t.Errorf("the README lacks this line of %s:\n%s", name, line)
			}
		}
		if shown < 5 {
			t.Errorf("%s: only %d lines of a table", name, shown)
		}
	}
}

// TestReadmeNumbersAreInTables holds what the README's prose says of results to
// the tables that the commands beside it make.
func TestReadmeNumbersAreInTables(t *testing.T) {
	readme := strings.Join(strings.Fields(readText(t, "README.md")), " ")
	for _, c := range []struct{ said, table, line string }{
		{"7.9 points above the base (+2.7 to +13.0, p = 0.002) and 7.2 above random pairs (+2.5 to +12.0, p = 0.006)", "quickstart/main.md",
			"full against random pairs, Task acc. (points): +7.2 \\[+2.5, +12.0\\] p=0.006; corrected for 2: \\[+2.5, +12.0\\] p=0.006"},
		{"7.9 points above the base", "quickstart/main.md", "+7.9 \\[+3.4, +12.3\\] p=0.001; corrected for 2: \\[+2.7, +13.0\\] p=0.002"},
		{"What the modes gain that lock a tower is within the noise", "quickstart/main.md", "| locked-text | +2.5 \\[−2.6, +7.5\\] p=1.000 |"},
		{"3.8 points above as many random pairs, drawn anew for each seed (95 % interval, corrected for two comparisons, +1.6 to +5.9; p < 0.001)", "emoji/main.md",
			"+3.8 \\[+1.9, +5.6\\] p&lt;0.001; corrected for 2: \\[+1.6, +5.9\\] p&lt;0.001"},
		{"2.8 above the base (+0.3 to +5.4, p = 0.031)", "emoji/main.md", "+2.8 \\[+0.3, +5.4\\] p=0.031; corrected for 2: \\[+0.3, +5.4\\] p=0.031"},
		{"full tuning loses 5.1 points outside the task (corrected p = 0.005)", "emoji/main.md", "−5.1 \\[−7.9, −2.2\\] p=0.005 |"},
		{"locked-text 1.8 and gated-image 0.5, both within the noise", "emoji/main.md", "−1.8 \\[−3.9, +0.2\\] p=0.126 |"},
		{"2.5 points ahead in the gated mode (corrected p = 0.051) and 3.9 in full mode (p = 0.005)", "emoji/continued.md",
			"| retrieved | +3.9 \\[+0.8, +7.0\\] p=0.005 | – | +2.5 \\[0.0, +4.9\\] p=0.051 | −4.6 \\[−6.9, −2.3\\] p=0.005 |"},
		{"seven of the 1,354 pairs are near copies of test images", "emoji-retrieval/leaks.md", "| retrieved | 1354 | 7 | 0 | 1 | 6 |"},
		{"one probe of an inverted file finds 54 to 74 % of the exact hits", "emoji-retrieval/index.md", "| ivf-flat, 1 probe | 73.8 | 9.4 | 53.6 |"},
	} {
		if !strings.Contains(readme, c.said) {
			t.Errorf("the README no longer says %q: take it out here, or say it", c.said)
		}
		if table := readText(t, "results/tables/"+c.table); !strings.Contains(table, c.line) {
			t.Errorf("%s lacks %q, on which the README's %q rests", c.table, c.line, c.said)
		}
	}
}

// TestReadmeSaysWhatWasMeasured holds the README's lines about speed to results/measured.md, and
// those to the tables that make targets write.
func TestReadmeSaysWhatWasMeasured(t *testing.T) {
	readme := strings.Join(strings.Fields(readText(t, "README.md")), " ")
	measured := readText(t, "results/measured.md")
	for said, line := range map[string]string{
		"2 min 52 s and 1.1 GiB of memory on two cores":                         "| quickstart, from nothing | 2 min 52 s, peak 1.1 GiB |",
		"killed a hundred times, a sweep of every op ends with the same tables": "killed 100 times, also by two processes at once",
		"a step of full tuning is 1.19 times as fast as PyTorch 2.15's":         "| step, full | onnx | 262 ms | 1.19 [1.06, 1.33] |",
		"embedding 1.12 times":                                "| embedding, ViT-B/32 | onnx | 20.4 images/s | 1.12 [1.00, 1.25] |",
		"the `go` engine takes 2 to 5 times as long":          "| embedding, ViT-B/32 | go | 8.52 images/s |",
		"JPEG preparation is 1.72 times as fast as Pillow's":  "257 images/CPU-s; 1.72 [1.60, 1.85]",
		"1.6 to 2 times as long as DuckDB's":                  "0.61 [0.59, 0.63]; filtered 0.51 [0.49, 0.53]",
		"two thirds of pyarrow's":                             "1.48 [1.34, 1.63]; filtered",
		"as fast as FAISS from C for batches of queries":      "flat 1.02 [1.00, 1.04], ivf-flat 1.01 [0.97, 1.05]",
		"50,000 images and 1,000 classes are scored in 1.2 s": "with calibration; the product alone | 1.2 s; 0.40 s |",
		"false positives stay at 5 % in simulations":          "[False positives", // its own page
	} {
		if !strings.Contains(readme, said) {
			t.Errorf("the README no longer says %q: take it out here, or say it", said)
		}
		if !strings.Contains(measured, line) && !strings.HasPrefix(line, "[") {
			t.Errorf("results/measured.md lacks %q, on which the README's %q rests", line, said)
		}
	}
	tables := readText(t, "results/peers.md") + readText(t, "results/retrieval-speed.md")
	checked := 0
	for _, line := range strings.Split(measured, "\n") {
		if strings.Contains(line, "beside other work") { // in no table
			continue
		}
		for _, ratio := range regexp.MustCompile(`[0-9.]+ \[[0-9.]+, [0-9.]+\]`).FindAllString(line, -1) {
			checked++
			if !strings.Contains(tables, "| "+ratio+" |") {
				t.Errorf("results/measured.md says %s, which is in neither of peers.md and retrieval-speed.md:\n%s", ratio, line)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d ratios found", checked)
	}
}

// TestReadmePublishedFigures holds what the README says that others measured to results/reference.
func TestReadmePublishedFigures(t *testing.T) {
	line := "|"
	for _, id := range []string{"none", "locked-text/laion400m", "gated-image/laion400m"} {
		figure, ok := reference.Find("react/imagenet/clip-b32/" + id)
		if !ok {
			t.Fatalf("results/reference lacks %s", id)
		}
		line += fmt.Sprintf(" %.1f |", 100*figure.Value)
	}
	readme := readText(t, "README.md")
	if !strings.Contains(readme, line) || !strings.Contains(readme, "**not run here**") {
		t.Errorf("the README lacks %q, or does not say that it was not run here", line)
	}
}

// TestReadmeBeginsForReaders: who has never seen the project finds on two screens what it is, the
// pipeline, the two commands, a result and the way on.
func TestReadmeBeginsForReaders(t *testing.T) {
	first, _, found := strings.Cut(readText(t, "README.md"), "\n## How it works\n")
	if n := strings.Count(first, "\n"); !found || n > 110 {
		t.Errorf("%d lines stand before the map, more than two screens (110)", n)
	}
	for _, want := range []string{"results/figures/pipeline.svg", "make sweep ", "make test ", "results/tables/", "experiments/tutorial/README.md",
		"experiments/paper/README.md", "#a-real-checkpoint-with-laion", "#questions"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first two screens lack %s", want)
		}
	}
}

// TestReadmeMapIsWhole: every package stands in the map, as a folder or as a file of it.
func TestReadmeMapIsWhole(t *testing.T) {
	_, how, _ := strings.Cut(readText(t, "README.md"), "\n## How it works\n")
	how, _, _ = strings.Cut(how, "\n## ")
	packages := map[string]bool{}
	for file := range projectImports(t) {
		if !strings.HasSuffix(file, "_test.go") {
			packages[path.Dir(file)] = true
		}
	}
	for dir := range packages {
		if !regexp.MustCompile(`\]\(` + dir + `(/[a-z0-9]+\.go)?\)`).MatchString(how) {
			t.Errorf("the map of the README lacks package %s", dir)
		}
	}
	if len(packages) < 100 {
		t.Errorf("only %d packages found", len(packages))
	}
}

// pages are the texts for people that lead through the tree.
var pages = []string{"README.md", "experiments/paper/README.md", "experiments/tutorial/README.md", "results/measured.md", "results/tables/README.md"}

// TestPagesLead: links of pages lead to files that are there, and to headings that they have.
func TestPagesLead(t *testing.T) {
	checked := 0
	for _, page := range pages {
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readText(t, page), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(link[1], "#")
			to := page
			if file != "" {
				to = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s: link %s: %v", page, link[1], err)
			} else if anchor != "" && !hasHeading(readText(t, to), anchor) {
				t.Errorf("%s: link %s: no such heading", page, link[1])
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d links lead into the tree", checked)
	}
}

// hasHeading reports whether a page has a heading that the anchor means.
func hasHeading(page, anchor string) bool {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestPagesNameCommands: commands in pages are commands of the program, with flags that they have.
func TestPagesNameCommands(t *testing.T) {
	call := regexp.MustCompile("(?m)(?:^|`)(?:\\$ )?(?:bin/)?runner ([a-z][^`#;|&\n\\\\]*)")
	checked := 0
	for _, page := range pages {
		text := strings.ReplaceAll(readText(t, page), "\\|", "/")
		for _, m := range call.FindAllStringSubmatch(text, -1) {
			args := strings.Fields(regexp.MustCompile(`[\[\]']|\.\.\.`).ReplaceAllString(m[1], " "))
			cmd, rest, err := newRoot().Find(args)
			if err != nil || !cmd.HasParent() {
				t.Errorf("%s: runner %s: no such command", page, m[1])
				continue
			}
			checked++
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: runner %s: %v", page, m[1], err)
			}
		}
	}
	if checked < 80 {
		t.Errorf("only %d commands found", checked)
	}
}

// readText reads a file of the repository.
func readText(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
