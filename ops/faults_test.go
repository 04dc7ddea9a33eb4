package ops

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFaultsHaveTests holds that README.md's table of silent faults names tests that are in the
// files it names.
func TestFaultsHaveTests(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	names, link := regexp.MustCompile("`(Test\\w+)`"), regexp.MustCompile(`\]\(([^)]+_test\.go)\)`)
	faults := 0
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.Contains(cells[2], "`Test") {
			continue
		}
		faults++
		var sources strings.Builder
		for _, m := range link.FindAllStringSubmatch(cells[2], -1) {
			source, err := os.ReadFile(m[1])
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(source)
		}
		for _, m := range names.FindAllStringSubmatch(cells[2], -1) {
			if !strings.Contains(sources.String(), "func "+m[1]+"(t ") {
				t.Errorf("%s is not in the files named for %q", m[1], cells[0])
			}
		}
	}
	if faults < 15 {
		t.Errorf("%d faults have tests", faults)
	}
}
