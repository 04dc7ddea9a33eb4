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
		{"locked-text is 5.8 points above it (−1.8 to +13.1, p = 0.131)", "quickstart/main.md", "| locked-text | +5.8 \\[−1.8, +13.1\\] p=0.131 |"},
		{"the oracle is clearly above the base", "quickstart/main.md", "| oracle, full | +16.7 \\[+9.5, +23.8\\] p&lt;0.001 |"},
		{"noise of 3 seeds and 30 classes", "quickstart/main.md", "over 3 seeds of tuning; what has no ± has no seeds. Test images: task 600"},
		{"2.5 points above as many random pairs, drawn anew for each seed (95 % interval, corrected for two comparisons, +0.2 to +4.8; p = 0.038)", "emoji/main.md",
			"+2.5 \\[+0.5, +4.5\\] p=0.019; corrected for 2: \\[+0.2, +4.8\\] p=0.038"},
		{"is not shown (+0.7, −1.9 to +3.4, p = 0.609)", "emoji/main.md", "+0.7 \\[−1.9, +3.4\\] p=0.609; corrected for 2:"},
		{"No mode is shown to be above the base in the task", "emoji/main.md", "| none | full | +1.7 \\[−1.5, +4.9\\] p=0.288 |"},
		{"loses 3.8 points outside it (corrected p = 0.003)", "emoji/main.md", "−3.8 \\[−6.1, −1.5\\] p=0.003 |"},
		{"in the gated mode (+0.7, −1.5 to +3.0)", "emoji/continued.md", "| +0.7 \\[−1.5, +3.0\\] p=0.556 |"},
		{"seven of the 1,367 pairs are near copies of test images", "emoji-retrieval/leaks.md", "| retrieved | 1367 | 7 | 0 | 1 | 6 |"},
		{"one probe of an inverted file finds 53 to 75 % of the exact hits", "emoji-retrieval/index.md", "| ivf-flat, 1 probe | 75.1 | 12.5 | 52.7 |"},
		{"3.5 points ahead (p = 0.009, 0.061 corrected)", "emoji/continued.md", "| none | +3.5 \\[−0.1, +7.3\\] p=0.061 |"},
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
