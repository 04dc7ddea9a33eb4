package record

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"react/data/words"
	"react/runner/cli"
)

// Git is the state of the repository that an experiment's file lies in.
//
// The repository may be anyone's, and its configuration names programs: filters,
// monitors, drivers of diffs, hooks. Git is asked for commit, tree and index only,
// in ways that run none of them; files are compared with the index here, byte for
// byte, as a checkout without filters has them.
type Git struct {
	Commit string `json:"commit"`
	Branch string `json:"branch,omitempty"`
	Dirty  bool   `json:"dirty"` // tracked files differ from the commit
	// Unknown says why it could not be told whether they do; "" where it could.
	Unknown string `json:"unknown,omitempty"`

	Changed       int    `json:"changed,omitempty"`       // tracked files that differ
	ChangesSHA256 string `json:"changesSHA256,omitempty"` // of their names and what they hold
	// record of their differences, where it was asked for
	Patch string `json:"patch,omitempty"`
	// of git diff HEAD, in records before November 2026
	DiffSHA256 string `json:"diffSHA256,omitempty"`

	diff []byte
}

// Describe says in a few words whether files differ from the commit.
func (g *Git) Describe() string {
	text := "clean"
	switch {
	case g.Unknown != "":
		return "changed or not: unknown (" + g.Unknown + ")"
	case g.ChangesSHA256 != "":
		text = fmt.Sprintf("%s changed, sha256 %s", words.Plural(g.Changed, "file"), cli.Short(g.ChangesSHA256))
	case g.Dirty:
		text = "changed, diff sha256 " + cli.Short(g.DiffSHA256)
	}
	if g.Patch != "" {
		text += ", kept in " + g.Patch
	}
	return text
}

// maxDiff is the largest diff that is kept, in bytes.
const maxDiff = 1 << 20

// gitPatience is how long git may take, and the reading of files that it does not
// know to be unchanged; on a network file system both may take for ever.
const gitPatience = 10 * time.Second

// readGit finds out; nil without git, outside a repository, and in one of another
// user, which git does not read (safe.directory). keepDiff also gives the
// differences of tracked files.
func readGit(ctx context.Context, dir string, keepDiff bool) *Git {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	r := &repository{ctx: ctx, dir: dir}
	commit, err := r.ask("rev-parse", "--verify", "HEAD")
	if err != nil {
		return nil
	}
	state := &Git{Commit: strings.TrimSpace(commit)}
	if branch, err := r.ask("symbolic-ref", "--short", "-q", "HEAD"); err == nil {
		state.Branch = strings.TrimSpace(branch)
	}
	changes, err := r.changes()
	if err != nil {
		state.Unknown = err.Error()
		return state
	}
	if len(changes) == 0 {
		return state
	}
	state.Dirty, state.Changed = true, len(changes)
	h := sha256.New()
	for _, c := range changes {
		fmt.Fprintf(h, "%q %s %s %s\n", c.path, c.head, c.index, c.file)
	}
	state.ChangesSHA256 = hex.EncodeToString(h.Sum(nil))
	if keepDiff {
		state.diff = r.diff(changes)
		state.Patch = "diffs/" + state.ChangesSHA256[:12] + ".patch"
	}
	return state
}

// repository is one that may not be the user's own.
type repository struct {
	ctx context.Context
	dir string
	top string // of the files
}

// ask runs git. Settings of the repository that would run programs are overridden;
// of the commands used here only a monitor of files and the fetching of objects
// that are not there could.
func (r *repository) ask(args ...string) (string, error) {
	cmd := exec.CommandContext(r.ctx, "git", append([]string{"-C", r.dir, "--no-pager", "-c", "core.fsmonitor=false",
		"-c", "core.untrackedCache=false", "-c", "core.hooksPath=" + os.DevNull}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_TERMINAL_PROMPT=0")
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	return out.String(), err
}

// change is a tracked file that is not as in the commit; the digests are git's
// names of contents, "" where there is none.
type change struct {
	path              string
	head, index, file string
	mode              string
}

// changes compares commit, index and files, in the order of the names.
func (r *repository) changes() ([]change, error) {
	top, err := r.ask("rev-parse", "--show-toplevel")
	if err != nil {
		return nil, errors.New("the repository has no files beside it")
	}
	r.top = strings.TrimSuffix(top, "\n")
	tree, err := r.ask("-C", r.top, "ls-tree", "-r", "-z", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("git ls-tree: %w", err)
	}
	listing, err := r.ask("-C", r.top, "ls-files", "-z", "--stage", "--debug")
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	index, err := readIndex(listing)
	if err != nil {
		return nil, err
	}
	head := map[string]string{}
	for _, line := range strings.Split(tree, "\x00") {
		if about, path, ok := strings.Cut(line, "\t"); ok {
			if fields := strings.Fields(about); len(fields) == 3 {
				head[path] = fields[2]
			}
		}
	}
	root, err := os.OpenRoot(r.top)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return r.compare(root, head, index)
}

func (r *repository) compare(root *os.Root, head map[string]string, index map[string]indexed) ([]change, error) {
	paths := map[string]bool{}
	for path := range head {
		paths[path] = true
	}
	for path := range index {
		paths[path] = true
	}
	var changes []change
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		entry, staged := index[path]
		if entry.mode == "160000" { // another repository, which is not looked into
			continue
		}
		c := change{path: path, head: head[path], index: entry.name, mode: entry.mode}
		if staged {
			var err error
			if c.file, err = r.nameOf(root, path, entry); err != nil {
				return nil, err
			}
		}
		if c.head != c.index || c.index != c.file {
			changes = append(changes, c)
		}
	}
	return changes, r.ctx.Err()
}

// indexed is a file as the index knows it.
type indexed struct {
	mode, name   string // name is the digest of the content
	mtime, ctime [2]int64
	size         int64 // of 32 bits
	absent       bool  // it is not to be looked at: a sparse checkout has none
}

// skipWorktree is the bit of an index entry's flags that says so.
const skipWorktree = 1 << 30

// readIndex reads git ls-files -z --stage --debug: a line up to a zero byte, then
// five lines of what the file was when it was last compared.
func readIndex(listing string) (map[string]indexed, error) {
	index := map[string]indexed{}
	for listing != "" {
		about, rest, ok := strings.Cut(listing, "\x00")
		head, path, tabbed := strings.Cut(about, "\t")
		fields := strings.Fields(head)
		if !ok || !tabbed || len(fields) != 3 {
			return nil, errors.New("git ls-files wrote something else than it should")
		}
		e := indexed{mode: fields[0], name: fields[1]}
		for range 5 {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			e.read(strings.Fields(strings.ReplaceAll(line, ":", " ")))
		}
		index[path], listing = e, rest
	}
	return index, nil
}

func (e *indexed) read(words []string) {
	number := func(i int) int64 {
		if i >= len(words) {
			return 0
		}
		n, _ := strconv.ParseInt(words[i], 10, 64)
		return n
	}
	switch {
	case len(words) == 0:
	case words[0] == "mtime":
		e.mtime = [2]int64{number(1), number(2)}
	case words[0] == "ctime":
		e.ctime = [2]int64{number(1), number(2)}
	case words[0] == "size":
		e.size = number(1)
		if flags, err := strconv.ParseUint(words[len(words)-1], 16, 64); err == nil {
			e.absent = flags&skipWorktree != 0
		}
	}
}

// racyIndex is how young a file's change must be, against its time in the index,
// for its content to be looked at all the same: the index may be of that moment.
const racyIndex = 2 * time.Second

// nameOf is what git would call the file's content, without filters. A file that
// is as it was when the index last knew it is not read.
func (r *repository) nameOf(root *os.Root, path string, e indexed) (string, error) {
	if err := r.ctx.Err(); err != nil {
		return "", err
	}
	if e.absent {
		return e.name, nil
	}
	info, err := root.Lstat(path)
	if err != nil { // not there, or reached through a link that leads away
		return "", nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	same := ok && [2]int64{st.Mtim.Sec, st.Mtim.Nsec} == e.mtime && [2]int64{st.Ctim.Sec, st.Ctim.Nsec} == e.ctime &&
		info.Size()&0xffffffff == e.size && time.Since(info.ModTime()).Abs() > racyIndex
	switch {
	case same:
		return e.name, nil
	case e.mode == "120000":
		to, err := root.Readlink(path)
		if err != nil {
			return "other", nil
		}
		return contentName(e.name, int64(len(to)), strings.NewReader(to))
	case !info.Mode().IsRegular():
		return "other", nil
	}
	f, err := root.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return "unreadable", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	return contentName(e.name, info.Size(), untilDone{r.ctx, f})
}

// contentName is git's digest of a content; like tells which of its two kinds.
func contentName(like string, size int64, from io.Reader) (string, error) {
	var h hash.Hash = sha1.New()
	if len(like) == 2*sha256.Size {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", size)
	_, err := io.Copy(h, from)
	return hex.EncodeToString(h.Sum(nil)), err
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

// Read reads.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}

// diff gives the differences between the commit and the files, up to maxDiff.
func (r *repository) diff(changes []change) []byte {
	var b bytes.Buffer
	root, err := os.OpenRoot(r.top)
	if err != nil {
		return nil
	}
	defer root.Close()
	for _, c := range changes {
		old := ""
		if c.head != "" {
			old, _ = r.ask("cat-file", "blob", c.head)
		}
		now, whole := textOf(root, c.path)
		var text []byte
		if whole = whole && len(old) <= maxDiff && !strings.ContainsRune(old+now, 0); whole {
			text = diff.Diff("a/"+c.path, []byte(old), "b/"+c.path, []byte(now))
		}
		if !whole || b.Len()+len(text) > maxDiff {
			text = fmt.Appendf(nil, "%s: %s then, %s now; not shown\n", c.path, cmp.Or(c.head, "not there"), cmp.Or(c.file, "not there"))
		}
		b.Write(text)
	}
	return b.Bytes()
}

// textOf is what a file holds, or where a link leads; whole is false for what is
// too large to show.
func textOf(root *os.Root, path string) (text string, whole bool) {
	info, err := root.Lstat(path)
	switch {
	case err != nil:
		return "", true
	case info.Mode()&fs.ModeSymlink != 0:
		text, err = root.Readlink(path)
		return text, err == nil
	case !info.Mode().IsRegular() || info.Size() > maxDiff:
		return "", false
	}
	data, err := root.ReadFile(path)
	return string(data), err == nil
}

// SHA256Hex is the digest of data as records write it.
func SHA256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
