package record

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitIn gives a repository with a file x.cue and functions to change it.
func gitIn(t *testing.T) (dir string, put func(name, text string), git func(args ...string) string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	dir = t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	put = func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git = func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	put("x.cue", "name: \"x\"\n")
	put("a name", "with a space\n")
	return dir, put, git
}

// TestReadGit: the commit, and whether tracked files differ from it: in the files,
// in the index, removed, or only touched. The differences are given when asked for.
func TestReadGit(t *testing.T) {
	dir, put, git := gitIn(t)
	if state := readGit(t.Context(), dir, false); state != nil {
		t.Errorf("outside a repository: %+v", state)
	}
	git("init", "-q", "-b", "trunk")
	git("add", ".")
	if err := os.Symlink("x.cue", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	git("add", "link")
	git("commit", "-q", "-m", "x")
	want := git("rev-parse", "HEAD")
	put("untracked", "is no change\n")
	clean := func(how string) {
		t.Helper()
		state := readGit(t.Context(), dir, true)
		if state == nil || state.Commit != want || state.Branch != "trunk" || state.Dirty || state.Unknown != "" || state.diff != nil {
			t.Fatalf("%s: %+v, want %s", how, state, want)
		}
	}
	changed := func(how, line string) string {
		t.Helper()
		state := readGit(t.Context(), dir, true)
		if state == nil || !state.Dirty || state.Changed != 1 || !strings.Contains(string(state.diff), line) {
			t.Fatalf("%s: %+v\n%s", how, state, state.diff)
		}
		plain := readGit(t.Context(), dir, false)
		if plain.diff != nil || plain.Patch != "" || plain.ChangesSHA256 != state.ChangesSHA256 || state.Patch != "diffs/"+state.ChangesSHA256[:12]+".patch" {
			t.Errorf("%s: without the differences %+v, with them %+v", how, plain, state)
		}
		return state.ChangesSHA256
	}
	clean("as committed")
	put("x.cue", "name: \"y\"\n")
	first := changed("another text of the same size", "+name: \"y\"")
	put("x.cue", "name: \"z\"\n")
	if changed("a third", "+name: \"z\"") == first {
		t.Error("two changes have one digest")
	}
	git("add", "x.cue")
	changed("staged", "+name: \"z\"")
	git("reset", "-q", "--hard")
	put("x.cue", "name: \"x\"\n")
	clean("written again as it was")
	put("x.cue", strings.Repeat("a line that makes the diff too long to keep\n", maxDiff/40))
	changed("a long one", "x.cue: ")
	git("reset", "-q", "--hard")
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	changed("removed", "-x.cue")
	git("reset", "-q", "--hard")
	git("update-index", "--skip-worktree", "a name")
	if err := os.Remove(filepath.Join(dir, "a name")); err != nil {
		t.Fatal(err)
	}
	clean("not checked out")
}

// TestHostileRepository: a repository that came from elsewhere, an unpacked archive
// with its .git, names programs in its configuration, attributes and hooks. None
// runs, and no file outside it is read.
func TestHostileRepository(t *testing.T) {
	dir, put, git := gitIn(t)
	outside := filepath.Join(t.TempDir(), "secret")
	marks := filepath.Join(t.TempDir(), "marks")
	evil := filepath.Join(t.TempDir(), "evil.sh")
	for path, text := range map[string]string{outside: "a secret\n", evil: "#!/bin/sh\necho ran $0 $* >>" + marks + "\ncat\n"} {
		if err := os.WriteFile(path, []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "trunk")
	put(".gitattributes", "* filter=x diff=x merge=x\n")
	git("add", ".")
	git("commit", "-q", "-m", "x")
	for _, key := range []string{"core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy", "core.askPass", "core.alternateRefsCommand",
		"diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "filter.x.process", "merge.x.driver",
		"pager.diff", "pager.ls-files", "interactive.diffFilter", "credential.helper", "gpg.program", "uploadpack.packObjectsHook", "remote.origin.uploadpack",
		"alias.ls-files", "alias.diff"} {
		git("config", key, evil)
	}
	git("config", "remote.origin.url", dir)
	git("config", "remote.origin.promisor", "true")
	git("config", "extensions.partialClone", "origin")
	git("config", "protocol.file.allow", "always")
	hooks := filepath.Join(t.TempDir(), "hooks")
	if err := os.Mkdir(hooks, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"post-index-change", "fsmonitor-watchman", "pre-commit", "post-checkout", "reference-transaction"} {
		if err := os.Symlink(evil, filepath.Join(hooks, hook)); err != nil {
			t.Fatal(err)
		}
	}
	git("config", "core.hooksPath", hooks)
	os.Remove(marks)
	put("x.cue", "name: \"y\"\n")
	if err := os.Remove(filepath.Join(dir, "a name")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "a name")); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		state := readGit(t.Context(), dir, keep)
		if state == nil || state.Changed != 2 {
			t.Errorf("state %+v", state)
		}
		if strings.Contains(string(state.diff), "+a secret") {
			t.Errorf("a file outside was read: %s", state.diff)
		}
	}
	objects, _ := filepath.Glob(filepath.Join(dir, ".git/objects/??"))
	for _, gone := range objects { // git would fetch them
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
	}
	if state := readGit(t.Context(), dir, true); state == nil || state.Unknown == "" {
		t.Errorf("without objects: %+v", state)
	}
	if ran, err := os.ReadFile(marks); err == nil {
		t.Errorf("programs of the repository ran:\n%s", ran)
	}
}

// TestRepositoryOfAnother: git does not read a repository of another user, and is
// not told to.
func TestRepositoryOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir, _, git := gitIn(t)
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "x")
	for _, path := range []string{dir, filepath.Join(dir, ".git")} {
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SUDO_UID", "")
	if state := readGit(t.Context(), dir, true); state != nil {
		t.Errorf("read: %+v", state)
	}
}

func TestCommitOfRun(t *testing.T) {
	for want, r := range map[string]Run{
		"":                                  {},
		"aa":                                {Build: map[string]string{"vcs.revision": "aa", "vcs.modified": "false"}, Git: &Git{Commit: "bb"}},
		"aa+changes":                        {Build: map[string]string{"vcs.revision": "aa", "vcs.modified": "true"}},
		"bb of the experiment's repository": {Git: &Git{Commit: "bb"}},
		"bb+changes of the experiment's repository": {Git: &Git{Commit: "bb", Dirty: true}},
	} {
		if got := r.commit(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
