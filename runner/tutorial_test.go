package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"react/runner/internal/storetest"
)

const tutorial = "experiments/tutorial"

// TestTutorial runs the commands of the tutorial in the order of its text, in one folder, and holds
// what they print to what the text says. With -update the text follows, and a person shortens it:
// a line "..." stands for any lines, "…" for any part of a line.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps")
	}
	dir := t.TempDir()
	storetest.Clean(t, dir)
	copySpecs(t, dir)
	t.Setenv("RUNNER_STORE", "")
	said := readText(t, tutorial+"/README.md")
	commands := 0
	block := regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	printed := block.ReplaceAllStringFunc(said, func(text string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for _, step := range strings.Split(block.FindStringSubmatch(text)[1], "$ ")[1:] {
			commands++
			command, want, _ := strings.Cut(step, "\n")
			got := shell(t, dir, command)
			if !saysTheSame(want, got) {
				if !*update {
					t.Errorf("$ %s\nprints\n%s\nbut the tutorial says (-update takes over what is printed)\n%s", command, got, want)
				}
				want = got
			}
			b.WriteString("$ " + command + "\n" + want)
		}
		return b.String() + "```"
	})
	if commands < 20 {
		t.Fatalf("only %d commands found", commands)
	}
	if printed == said || !*update {
		return
	}
	if err := os.WriteFile(filepath.Join("..", tutorial, "README.md"), []byte(printed), 0o666); err != nil {
		t.Fatal(err)
	}
}

// copySpecs fills a folder with the tutorial's experiments.
func copySpecs(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", tutorial))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "README.md")); err != nil {
		t.Fatal(err)
	}
}

// shell is what a command line prints, in a folder that the text calls /tmp/hour. Its exit code is
// part of it only where the line prints it.
func shell(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), dir, "/tmp/hour")
}

// differing is what is not the same from run to run, or from one machine to the next, in the order
// in which it is replaced.
var differing = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`, (about|roughly) [0-9msh.]+( left)?`), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?`), "DATE"},
	{regexp.MustCompile(`\b[0-9a-f]{8,64}\b`), "KEY"},
	{regexp.MustCompile(`\b[0-9.]+ ([KMGT]i)?B\b`), "SIZE"},
	{regexp.MustCompile(`\b([0-9]+m)?[0-9.]+s\b`), "TIME"},
	{regexp.MustCompile(`[-+−]?\b[0-9]+\.[0-9]+\b`), "N"},
	{regexp.MustCompile(`\bp[<=]N`), "p=N"},
	{regexp.MustCompile(`\*| +$`), ""},
	{regexp.MustCompile(`[ ─]+`), " "},
}

// saysTheSame reports whether a command printed what the text says.
func saysTheSame(want, got string) bool {
	var pattern strings.Builder
	for _, line := range strings.SplitAfter(alike(want), "\n") {
		if line == "...\n" {
			pattern.WriteString(`(.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `.*`))
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(alike(got))
}

// alike is a text without what differs.
func alike(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		for _, d := range differing {
			lines[i] = d.what.ReplaceAllString(lines[i], d.by)
		}
	}
	return strings.Join(lines, "\n")
}

// TestTutorialNoticesDrift tries the comparison that TestTutorial rests on.
func TestTutorialNoticesDrift(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"base  12.5  21\n", "base      *9.1 21\n", true},
		{"base  12.5  21\n", "base  12.5  22\n", false},
		{"small: 31 stages: … cached, … to run\n", "small: 31 stages: 9 cached, 22 to run\n", true},
		{"small: 31 stages: … cached, … to run\n", "small: 30 stages: 9 cached, 22 to run\n", false},
		{"a\n...\nz\n", "a\nb\nc\nz\n", true},
		{"a\n...\nz\n", "a\nb\nc\n", false},
		{"[1/2] world done in 0.2s, roughly 12s left\n", "[1/2] world done in 3s\n", true},
		{"[1/2] world done in 0.2s\n", "[1/2] embed done in 0.2s\n", false},
		{"tune.gama: unknown field\n", "tune.gama: unknown fields\n", false},
		{"", "warning\n", false},
	} {
		if got := saysTheSame(c.want, c.got); got != c.same {
			t.Errorf("%q and %q: got %v, want %v", c.want, c.got, got, c.same)
		}
	}
}
