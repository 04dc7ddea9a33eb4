package mistake

import (
	"fmt"

	"react/runner/spec/fields"
)

// Found are the mistakes in a file so far. Of what was reported at a path nothing more is said.
type Found struct {
	file string // what positions call it
	Errs Errors
	bad  map[string]bool // paths already reported; nothing more is said about them
}

// In is for a pass over a file.
func In(file string) *Found { return &Found{file: file, bad: map[string]bool{}} }

// Add reports a mistake.
func (f *Found) Add(pos Pos, path, format string, args ...any) {
	f.Errs.Add(pos, path, format, args...)
}

// Fail reports a mistake at a path and silences later ones there.
func (f *Found) Fail(pos Pos, path, format string, args ...any) {
	f.Silence(path)
	f.Add(pos, path, format, args...)
}

// AddOld reports a name of runner/v1.
func (f *Found) AddOld(pos Pos, path, format string, args ...any) {
	f.Errs = append(f.Errs, Error{Pos: pos, Path: path, Msg: fmt.Sprintf(format, args...), Old: true})
}

// Silence has nothing more said about a path.
func (f *Found) Silence(path string) { f.bad[path] = true }

// Said reports whether a mistake was already reported at this very path.
func (f *Found) Said(path string) bool { return f.bad[path] }

// IsBad reports whether a mistake was already reported at, above or below a path.
func (f *Found) IsBad(path string) bool {
	for p := range f.bad {
		if p == "" || p == path || fields.Below(p, path) || fields.Below(path, p) {
			return true
		}
	}
	return false
}

// Start is where something is missed that no section holds.
func (f *Found) Start() Pos { return Pos{File: f.file, Line: 1, Col: 1} }
