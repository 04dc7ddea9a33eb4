package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
		{"locked-text is 6.2 points above it (−1.5 to +13.6, p = 0.113)", "quickstart/main.md", "| locked-text | +6.2 \\[−1.5, +13.6\\] p=0.113 |"},
		{"the oracle is clearly above the base", "quickstart/main.md", "| oracle, full | +16.7 \\[+9.5, +23.8\\] p&lt;0.001 |"},
		{"noise of 3 seeds and 30 classes", "quickstart/main.md", "over 3 seeds of tuning; what has no ± has no seeds. Test images: task 600"},
		{"1.9 points above as many random pairs (95 % interval −0.8 to +4.7, p = 0.162)", "emoji/main.md", "+1.9 \\[−0.8, +4.7\\] p=0.162; corrected for 2:"},
		{"2.0 above the base (−0.9 to +4.8, p = 0.173)", "emoji/main.md", "| none | gated-image | +2.0 \\[−0.9, +4.8\\] p=0.173"},
		{"(+7.3 and +4.7, corrected p = 0.001 and 0.037)", "emoji/random.md", "| none | +7.3 \\[+3.0, +11.5\\] p=0.001 | +4.7 \\[+0.2, +9.3\\] p=0.037 |"},
		{"above the base by 2.0 to 3.6 points", "emoji/main.md", "| none | locked-text | +3.6 \\[+0.8, +6.4\\]"},
		{"of which 570 images make none significant after correction", "emoji/main.md", "| none | locked-text | +3.6 \\[−0.8, +7.9\\] p=0.283 |"},
		{"which 570 images", "emoji/main.md", "Test images: both 570"},
	} {
		if !strings.Contains(readme, c.said) {
			t.Errorf("the README no longer says %q: take it out here, or say it", c.said)
		}
		if table := readText(t, "results/tables/"+c.table); !strings.Contains(table, c.line) {
			t.Errorf("%s lacks %q, on which the README's %q rests", c.table, c.line, c.said)
		}
	}
}

// TestReadmeLinksLead holds the README's map to the tree.
func TestReadmeLinksLead(t *testing.T) {
	readme := readText(t, "README.md")
	links := regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(readme, -1)
	checked := 0
	for _, link := range links {
		if strings.Contains(link[1], "://") {
			continue
		}
		checked++
		if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
			t.Errorf("link %s: %v", link[1], err)
		}
	}
	if checked < 15 {
		t.Errorf("only %d links lead into the tree", checked)
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
