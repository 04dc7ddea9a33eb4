package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"strings"
	"time"
)

// gitState is the state of the repository that an experiment's file lies in.
type gitState struct {
	Commit     string `json:"commit"`
	Branch     string `json:"branch,omitempty"`
	Dirty      bool   `json:"dirty"`                // tracked files differ from the commit
	DiffSHA256 string `json:"diffSHA256,omitempty"` // of git diff HEAD; diffs/<its first 12 digits>.patch has it, up to maxDiff

	diff []byte
}

// maxDiff is the largest diff that is kept whole, in bytes.
const maxDiff = 1 << 20

// gitPatience is how long git may take; on a network file system it may take
// for ever.
const gitPatience = 10 * time.Second

// readGit asks the git program; nil without git or outside a repository.
func readGit(ctx context.Context, dir string) *gitState {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	ask := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "core.fsmonitor=false"}, args...)...)
		var out bytes.Buffer
		cmd.Stdout = &out
		err := cmd.Run()
		return out.String(), err
	}
	commit, err := ask("rev-parse", "HEAD")
	if err != nil {
		return nil
	}
	state := &gitState{Commit: strings.TrimSpace(commit)}
	if branch, err := ask("symbolic-ref", "--short", "-q", "HEAD"); err == nil {
		state.Branch = strings.TrimSpace(branch)
	}
	diff, err := ask("diff", "--no-ext-diff", "--binary", "HEAD")
	if err != nil || diff == "" {
		return state
	}
	state.Dirty, state.DiffSHA256 = true, sha256Hex([]byte(diff))
	if len(diff) <= maxDiff {
		state.diff = []byte(diff)
	}
	return state
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
