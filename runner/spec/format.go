package spec

import (
	"bytes"
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"react/runner/spec/contract"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
)

// Format is a file as `cue fmt` writes it, comments kept. A file that is no CUE gives Errors; file
// is what their positions call it.
func Format(file string, text []byte) ([]byte, error) {
	f, err := parser.ParseFile(file, text, parser.ParseComments)
	if err != nil {
		return nil, mistake.SyntaxErrors(file, string(text), err).Err()
	}
	return format.Node(f)
}

// Quote is a text as a string of CUE.
func Quote(text string) string { return literal.String.Quote(text) }

// Label is the name of a field, in quotes where CUE wants them.
func Label(name string) string {
	if ast.StringLabelNeedsQuoting(name) {
		return Quote(name)
	}
	return name
}

// Update gives a file of runner/v1 today's names and formats it, comments kept; a file of today is
// only formatted, as is one whose version is left to common.cue, of which common is the text, and
// that file itself. Errors are the places that it cannot change safely, such as a name that is
// computed: then nothing is changed.
func Update(file string, text, common []byte) ([]byte, error) {
	f, err := parser.ParseFile(file, text, parser.ParseComments)
	if err != nil {
		return nil, mistake.SyntaxErrors(file, string(text), err).Err()
	}
	version, pos := versionOf(f)
	if !pos.IsValid() && (isCommon(file) || common != nil) {
		version = v1.Now // which alone knows common.cue
	}
	switch {
	case version == v1.Now:
		return Format(file, text)
	case version != v1.Version:
		return nil, mistake.Errors{{Pos: orStart(mistake.At(pos), file), Path: "apiVersion", Msg: "not written out as \"" + v1.Version + "\" or \"" + v1.Now + "\""}}
	}
	edits, problems := v1.Rewrite(f, v1.Options{Takes: contract.Takes})
	var errs mistake.Errors
	for _, p := range problems {
		errs.Add(orStart(mistake.At(p.Pos), file), "", "%s (change it by hand)", p.Msg)
	}
	if len(errs) > 0 {
		return nil, errs.Err()
	}
	out := apply(text, edits)
	if err := checkUpdate(file, text, out); err != nil {
		return nil, err
	}
	return Format(file, out)
}

func orStart(p mistake.Pos, file string) mistake.Pos {
	if p.File == "" {
		return mistake.Pos{File: file, Line: 1, Col: 1}
	}
	return p
}

// versionOf is the apiVersion of a file, where it is written out.
func versionOf(f *ast.File) (string, token.Pos) {
	for _, d := range f.Decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if name, _, err := ast.LabelName(field.Label); err != nil || name != "apiVersion" {
			continue
		}
		lit, ok := field.Value.(*ast.BasicLit)
		if !ok {
			return "", field.Value.Pos()
		}
		s, _ := strconv.Unquote(lit.Value)
		return s, lit.Pos()
	}
	return "", token.NoPos
}

func apply(text []byte, edits []v1.Edit) []byte {
	var out bytes.Buffer
	from := 0
	for _, e := range edits {
		out.Write(text[from:e.From])
		out.WriteString(e.Text)
		from = e.To
	}
	out.Write(text[from:])
	return out.Bytes()
}

// checkUpdate holds what was rewritten to what was there: no old name is left, and the trials are
// the same. A file with other mistakes than its age keeps them.
func checkUpdate(file string, old, now []byte) error {
	then, mistakes := Parse(file, old, Options{Former: true})
	today, err := Parse(file, now, Options{})
	if errs, ok := err.(mistake.Errors); ok {
		left := slices.DeleteFunc(slices.Clone(errs), func(e mistake.Error) bool { return !e.Old })
		switch {
		case len(left) > 0:
			return left
		case mistakes == nil:
			return errs
		}
		return nil
	}
	if err != nil || mistakes != nil {
		return err
	}
	for name, t := range then.Tables {
		then.Tables[name] = t.Current(then.labels())
	}
	if then.resolve(); then.Digest != today.Digest {
		return mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: "its names cannot be changed without changing what it says (change them by hand)"}}
	}
	return nil
}

// labels are those of the trials.
func (e *Experiment) labels() map[string]bool {
	out := map[string]bool{}
	for _, t := range e.Trials {
		out[t.Label] = t.Label != ""
	}
	return out
}

// Current is a table of runner/v1 in today's names; labels are those of its trials.
func (t Table) Current(labels map[string]bool) Table {
	rows := v1.Axes{Paths: t.Rows, Labels: labels, Takes: contract.Takes}
	columns := v1.Axes{Paths: t.Columns, Labels: labels, Takes: contract.Takes}
	all := v1.Axes{Paths: slices.Concat(t.Rows, t.Columns), Labels: labels, Takes: contract.Takes}
	line := func(of v1.Axes, name string) string { now, _ := of.Line(name); return now }
	path := func(p string) string { now, _ := v1.Path(p); return now }
	out := t
	out.Rows, out.Columns, out.Order = each(t.Rows, path), each(t.Columns, path), nil
	out.Group, out.Effect, out.Baseline, out.Filter = path(t.Group), path(t.Effect), v1.Assignment(t.Baseline), v1.Params(t.Filter)
	for _, text := range t.Order {
		out.Order = append(out.Order, all.Entry(text)...)
	}
	out.Labels = nil
	for text, shown := range t.Labels {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		for _, now := range all.Entry(path(text)) {
			out.Labels[now] = shown
		}
	}
	out.Fixed = each(t.Fixed, func(c Comparison) Comparison {
		c.Row, c.Against = line(rows, c.Row), line(rows, c.Against)
		return c
	})
	out.Published = each(t.Published, func(p Published) Published {
		p.Row, p.Column = line(rows, p.Row), line(columns, p.Column)
		return p
	})
	return out
}

// each is what a list becomes; nil of nil, so that JSON stays the same.
func each[T any](list []T, become func(T) T) []T {
	out := slices.Clone(list)
	for i := range out {
		out[i] = become(out[i])
	}
	return out
}
