package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMakefileNamesTests holds the tests that make targets name to the packages in which
// they run them: go test says of a name that it does not find no more than "no tests to run".
func TestMakefileNamesTests(t *testing.T) {
	// package → tests, of which one at least must be there for each name
	named := map[string][]string{}
	for _, m := range regexp.MustCompile(`([a-z/]+):([A-Z]\w+)`).FindAllStringSubmatch(readText(t, "Makefile"), -1) {
		named["./"+m[1]] = append(named["./"+m[1]], "Test"+m[2])
	}
	call := regexp.MustCompile(`go test ((?:\./\S+ )+)-run '([^']+)'`)
	for _, m := range call.FindAllStringSubmatch(readText(t, "Makefile"), -1) {
		for _, name := range regexp.MustCompile(`\^(Test\w+)\$`).FindAllStringSubmatch(m[2], -1) {
			named[strings.TrimSpace(m[1])] = append(named[strings.TrimSpace(m[1])], name[1])
		}
	}
	if len(named) < 10 {
		t.Fatalf("only %d packages found in the Makefile", len(named))
	}
	for packages, tests := range named {
		text := testText(t, strings.Fields(packages))
		for _, name := range tests {
			if !strings.Contains(text, fmt.Sprintf("func %s(", name)) {
				t.Errorf("the Makefile runs %s in %s, which has no such test", name, packages)
			}
		}
	}
}

// testText is what the test files of some packages say.
func testText(t *testing.T, packages []string) string {
	t.Helper()
	var text strings.Builder
	for _, dir := range packages {
		files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(raw)
		}
	}
	return text.String()
}
