package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadGit: the commit, and, once a tracked file differs from it, the diff.
func TestReadGit(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	if state := readGit(t.Context(), dir); state != nil {
		t.Errorf("outside a repository: %+v", state)
	}
	file := filepath.Join(dir, "x.cue")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	put("name: \"x\"\n")
	git("init", "-q", "-b", "trunk")
	git("add", "x.cue")
	git("commit", "-q", "-m", "x")
	want := git("rev-parse", "HEAD")
	state := readGit(t.Context(), dir)
	if state == nil || state.Commit != want || state.Branch != "trunk" || state.Dirty || state.DiffSHA256 != "" {
		t.Fatalf("clean: %+v, want %s", state, want)
	}
	put("name: \"y\"\n")
	state = readGit(t.Context(), dir)
	if state == nil || !state.Dirty || state.DiffSHA256 != sha256Hex(state.diff) || !strings.Contains(string(state.diff), `+name: "y"`) {
		t.Errorf("changed: %+v", state)
	}
	put(strings.Repeat("a line that makes the diff too long to keep\n", maxDiff/40))
	if state = readGit(t.Context(), dir); state == nil || !state.Dirty || state.DiffSHA256 == "" || state.diff != nil {
		t.Errorf("a long diff: dirty %v, %d bytes kept", state.Dirty, len(state.diff))
	}
}

func TestCommitOfRun(t *testing.T) {
	for want, r := range map[string]runRecord{
		"":                                  {},
		"aa":                                {Build: map[string]string{"vcs.revision": "aa", "vcs.modified": "false"}, Git: &gitState{Commit: "bb"}},
		"aa+changes":                        {Build: map[string]string{"vcs.revision": "aa", "vcs.modified": "true"}},
		"bb of the experiment's repository": {Git: &gitState{Commit: "bb"}},
		"bb+changes of the experiment's repository": {Git: &gitState{Commit: "bb", Dirty: true}},
	} {
		if got := r.commit(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
