package plan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/caught"
	"react/data/datasets/catalogue"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/op"
)

// Missing is something outside that a plan without data goes on without.
type Missing struct {
	Field string   `json:"field"` // of the spec
	Path  string   `json:"path"`
	Why   string   `json:"why"`
	Get   []string `json:"get,omitempty"` // ways to it, where they are known
}

// rank puts what a trial is made of before what it is tested on.
func (m Missing) rank() int {
	if strings.HasPrefix(m.Field, "evaluate.") {
		return 1
	}
	return 0
}

// FieldError is what is wrong with what a field of the spec names.
type FieldError struct {
	Field string // its path
	error
}

// Error is the field and what is wrong.
func (e FieldError) Error() string { return e.Field + ": " + e.error.Error() }

// Unwrap returns what is wrong.
func (e FieldError) Unwrap() error { return e.error }

// missingError says that files are not there, as against files that are wrong.
type missingError string

func (e missingError) Error() string { return string(e) }

// IsMissing says whether a plan ended since files are not there, which Options.WithoutData goes on
// without.
func IsMissing(err error) bool {
	gone := missingError("")
	return errors.As(err, &gone)
}

// outside finds the files of a field. Where they are missing and the plan may do without, it notes
// that and gives a role without files.
func (c *composer) outside(field, path string, find func(string) (op.Files, error)) (op.Files, error) {
	if c.opts.Unseen {
		return op.Files{Root: path}, c.unseen(field, path)
	}
	var f op.Files
	err := caught.Do(path, func() (err error) { f, err = find(path); return err })
	if err == nil {
		return f, nil
	}
	if !c.opts.WithoutData || !IsMissing(err) {
		return f, FieldError{field, err}
	}
	if !slices.ContainsFunc(c.missing, func(m Missing) bool { return m.Path == path }) {
		c.missing = append(c.missing, Missing{Field: field, Path: path, Why: err.Error(), Get: c.waysTo(field)})
	}
	root, err := filepath.Abs(path)
	return op.Files{Root: root}, err
}

// unseen looks at the one thing that a plan without a look at outside files is refused for: a
// folder of weights that is there and has none in it.
func (c *composer) unseen(field, path string) error {
	if info, err := os.Stat(path); field != "backbone.weights" || err != nil || !info.IsDir() {
		return nil
	}
	if err := layout.HasWeights(path); err != nil {
		return FieldError{field, err}
	}
	return nil
}

// waysTo are the catalogue's ways to what an evaluation or a prompt reads.
func (c *composer) waysTo(field string) []string {
	name := c.p.Aside().Tune.Benchmark
	if steps := strings.Split(field, "."); steps[0] == "evaluate" {
		name = c.p.Aside().Evaluate[steps[1]].Benchmark
	} else if steps[0] != "tune" {
		return nil
	}
	e, err := catalogue.Find(name)
	if err != nil {
		return nil
	}
	if strings.HasSuffix(field, ".trainList") {
		return []string{"the lists of 1 % and 10 % of ImageNet: imagenet_subsets/1percent.txt and 10percent.txt of github.com/google-research/simclr; one's own: a name of an image a line"}
	}
	return e.Get
}

// archModel is the model of an architecture, for estimates where its weights are missing.
func archModel(arch string) (*clip.Config, error) {
	model, err := clip.Arch(arch)
	if err != nil {
		return nil, err
	}
	return &model, nil
}
