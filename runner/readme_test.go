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
