// Package mistake is what can be wrong with an experiment file, in plain words: each mistake with
// its place, the path of its field, what is wrong and what would be right. What CUE's parser and
// evaluator say is said anew here, and so are the habits of other languages. It does not know what
// a field takes.
package mistake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"react/runner/cli"
)

// Pos is a place in a file, or an override: then File is the whole "--set PATH=VALUE" and Line is
// 0.
type Pos struct {
	File string
	Line int // 1-based; 0 where only the file is known
	Col  int // 1-based, in bytes
}

// String is "file:line:col", or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is one mistake in an experiment file.
type Error struct {
	Pos Pos
	// dotted path of the field, such as "tune.gamma" or "sweep.cases[1].label"; empty for a syntax
	// error
	Path string
	Msg  string // what is wrong (and what would be right)
	Old  bool   // that it is a name of runner/v1, which Update changes
}

// Error is the one line that people see.
func (e Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s: %s", e.Pos, e.Msg)
	}
	return fmt.Sprintf("%s: %s: %s", e.Pos, e.Path, e.Msg)
}

// ExitCode is what a program ends with whose file is wrong.
func (e Error) ExitCode() int { return cli.CodeSpec }

// Errors are all mistakes of a pass, in the order of the file.
type Errors []Error

// Error is one line a mistake.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is what a program ends with whose file is wrong.
func (es Errors) ExitCode() int { return cli.CodeSpec }

// Err sorts the mistakes, drops repeated ones and returns nil where there are none.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	return es.Sorted()
}

// Sorted are the mistakes in the order of the file, each once.
func (es Errors) Sorted() Errors {
	out := slices.Clone(es)
	slices.SortStableFunc(out, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Msg, b.Msg))
	})
	return slices.Compact(out)
}

// Add notes one more.
func (es *Errors) Add(pos Pos, path, format string, args ...any) {
	*es = append(*es, Error{Pos: pos, Path: path, Msg: fmt.Sprintf(format, args...)})
}

// SetPrefix begins the file name of every position inside an override.
const SetPrefix = "--set "

// At converts a position of CUE's; an override has no lines.
func At(p token.Pos) Pos {
	if !p.IsValid() {
		return Pos{}
	}
	q := p.Position()
	if strings.HasPrefix(q.Filename, SetPrefix) {
		return Pos{File: q.Filename}
	}
	return Pos{File: q.Filename, Line: q.Line, Col: q.Column}
}
