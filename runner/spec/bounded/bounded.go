// Package bounded reads experiment files in a child process, since CUE has no bounds of its own: a
// few lines of references that double, or of comprehensions in comprehensions, take all memory or
// for ever, and nothing in a process can stop them. The child is this program itself. It has a
// limit of memory, the parent one of time; it ends with the context, with its parent, or with its
// answer.
//
// What a file means is package spec's business: Load gives what spec.Load gives, Format what
// spec.Format gives. Where the program cannot start itself, they run in this process.
package bounded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"react/ops/clip/layout"
	"react/runner/child"
	"react/runner/spec"
	"react/runner/spec/contract"
	"react/runner/spec/mistake"
)

// The limits can be raised by these variables.
const (
	secondsEnv = "RUNNER_SPEC_SECONDS"
	memoryEnv  = "RUNNER_SPEC_MIB"

	defaultSeconds = 60
	defaultMiB     = 1024
)

// maxAnswer is what a child may say: the 10,000 trials of the largest sweep are a few megabytes.
const maxAnswer = 1 << 30

// Load reads an experiment with overrides. What is wrong with the file, a limit that it passes
// included, is mistake.Errors; an end of the context is its error.
func Load(ctx context.Context, file string, sets []string) (*spec.Experiment, error) {
	return load(ctx, question{File: file, Sets: sets})
}

// LoadRecorded is Load of a file that a sweep or a publication keeps, which may be of runner/v1:
// see spec.Options.
func LoadRecorded(ctx context.Context, file string, sets []string) (*spec.Experiment, error) {
	return load(ctx, question{File: file, Sets: sets, Former: true})
}

// LoadText is Load of an experiment that no file holds.
func LoadText(ctx context.Context, t spec.Text, sets []string) (*spec.Experiment, error) {
	return load(ctx, question{File: t.Called, Text: t.Source, Words: t.Words, Sets: sets})
}

func load(ctx context.Context, q question) (*spec.Experiment, error) {
	a, err := ask(ctx, q)
	if err == nil && len(a.Draft.Weights) > 0 { // defaults depend on these models
		q.Towers = towers(a.Draft.Weights)
		a, err = ask(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return a.Draft.Experiment(q.File)
}

// towers reads the headers of checkpoints, as far as they can be read: what is wrong with the
// others is said where they are loaded. It is the parent that does: large files are mapped, and a
// child has a limit of addresses.
func towers(weights []string) map[string]contract.Tower {
	out := map[string]contract.Tower{}
	for _, path := range weights {
		if cfg := layout.Peek(path); cfg != nil {
			out[path] = contract.TowerOf(*cfg)
		}
	}
	return out
}

// Format is a file as it is and as spec.Format writes it; "-" is standard input.
func Format(ctx context.Context, file string) (before, after []byte, err error) {
	a, err := ask(ctx, question{File: file, Format: true})
	if err != nil {
		return nil, nil, err
	}
	return a.Text, a.Formatted, nil
}

// Update is a file as it is and as spec.Update writes it; "-" is standard input.
func Update(ctx context.Context, file string) (before, after []byte, err error) {
	a, err := ask(ctx, question{File: file, Format: true, Update: true})
	if err != nil {
		return nil, nil, err
	}
	return a.Text, a.Formatted, nil
}

// question is what a child is asked.
type question struct {
	File   string
	Text   []byte            // nil: what File holds
	Words  map[string]string // see spec.Options
	Sets   []string
	Former bool // see spec.Options
	Format bool
	Towers map[string]contract.Tower
	Update bool // and from runner/v1
	MiB    int
}

// answer is what it says: mistakes of the file, another error, or a result.
type answer struct {
	Draft           *spec.Draft
	Text, Formatted []byte
	Mistakes        mistake.Errors
	Problem         string
}

// ask asks a child.
func ask(ctx context.Context, q question) (*answer, error) {
	seconds, err := limit(secondsEnv, defaultSeconds)
	if err != nil {
		return nil, err
	}
	if q.MiB, err = limit(memoryEnv, defaultMiB); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	timed, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	c, err := start(timed, q)
	if err != nil { // no /proc, or no more processes
		return q.answer().result()
	}
	var a answer
	err = errors.Join(json.NewDecoder(io.LimitReader(c.Answers, maxAnswer)).Decode(&a), c.Wait())
	switch {
	case err == nil:
		return a.result()
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case timed.Err() != nil:
		return nil, tooMuch(q.File, fmt.Sprintf("takes over %d s", seconds), secondsEnv, 10*seconds)
	// of the terminal, before it was ignored
	case slices.Contains([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}, c.Signal()):
		return nil, context.Canceled
	}
	return nil, c.died(q)
}

func (a *answer) result() (*answer, error) {
	switch {
	case len(a.Mistakes) > 0:
		return nil, a.Mistakes
	case a.Problem != "":
		return nil, errors.New(a.Problem)
	}
	return a, nil
}

// limit is a variable's whole number, or the default.
func limit(name string, otherwise int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<20 {
		return 0, fmt.Errorf("%s=%s is not a whole number from 1 to %d", name, text, 1<<20)
	}
	return n, nil
}

// tooMuch is the mistake of a file that passes a limit.
func tooMuch(file, what, variable string, more int) error {
	return mistake.Errors{{Pos: mistake.Pos{File: file},
		Msg: fmt.Sprintf("evaluating it %s (fewer comprehensions and references that multiply each other, or %s=%d)", what, variable, more)}}
}

// asked is a child that reads a file.
type asked struct {
	*child.Process
	stderr bytes.Buffer
}

// start asks a child. The question does not go through standard input, which the file may be.
func start(ctx context.Context, q question) (*asked, error) {
	c := &asked{}
	var err error
	c.Process, err = child.Start(ctx, childEnv, q, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "OPENBLAS_NUM_THREADS=1") // whose threads begin with the program
		cmd.Stdin, cmd.Stderr = os.Stdin, &c.stderr
	})
	return c, err
}

// died says why there is no answer.
func (c *asked) died(q question) error {
	said := c.stderr.String()
	switch {
	case strings.Contains(said, "stack overflow"), strings.Contains(said, "stack exceeds"):
		return mistake.Errors{{Pos: mistake.Pos{File: q.File}, Msg: "nested too deeply (a value inside of thousands of others)"}}
	case c.State().ExitCode() == exitMemory, c.Signal() == syscall.SIGKILL,
		strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return tooMuch(q.File, fmt.Sprintf("takes over %d MiB of memory", q.MiB), memoryEnv, 4*q.MiB)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	return mistake.Errors{{Pos: mistake.Pos{File: q.File}, Msg: fmt.Sprintf("CUE cannot evaluate this file: %v: %s", c.State(), line)}}
}
