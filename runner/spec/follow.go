package spec

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"react/runner/spec/fields"
	"react/runner/spec/source"
	"react/runner/spec/v1"
)

// follower returns a function that gives the file's values under an assignment. Where no field is
// computed from a swept one they are the values of the file as it stands. Where one is (warmup:
// div(steps, 10)), the file is evaluated anew for each choice of the axes that are referred to,
// with these set as --set would.
func (c *checker) follower(base *assignment, swept map[string]bool) func(assignment) fields.Values {
	var followed []string
	for path := range swept {
		if base.Set.Has(path) && c.src.RefersTo(c.written(path)) {
			followed = append(followed, path)
		}
	}
	if len(c.Errs) > 0 || len(followed) == 0 {
		return func(assignment) fields.Values { return base.Set }
	}
	slices.Sort(followed)
	done := map[string]fields.Values{}
	return func(a assignment) fields.Values {
		key := ""
		for _, p := range followed {
			key += string(a.Set[p]) + "\x00"
		}
		if _, ok := done[key]; !ok {
			done[key] = c.valuesWith(base, a, followed)
		}
		return done[key]
	}
}

// written is a path as the file has it.
func (c *checker) written(path string) []string {
	if c.former {
		path = v1.Former(path)
	}
	return strings.Split(path, ".")
}

// valuesWith evaluates the file with some axes set.
func (c *checker) valuesWith(base *assignment, a assignment, axes []string) fields.Values {
	var more []source.Setting
	for _, p := range axes {
		if v, ok := a.vals[p]; ok {
			more = append(more, source.Setting{Path: c.written(p), Expr: literalAt(v)})
		}
	}
	v, err := c.src.Build(more...)
	if err != nil {
		return base.Set
	}
	derived := newAssignment()
	c.readSections(v, &derived)
	out := derived.Set
	for _, p := range axes { // an axis stays what it is: a case may leave it alone
		if raw, ok := base.Set[p]; ok && !out.Has(p) {
			out = maps.Clone(out)
			out[p] = raw
		}
	}
	return out
}

// literalAt is a concrete value as syntax, at the place in the file that it came from.
func literalAt(v cue.Value) ast.Expr {
	x, ok := v.Syntax(cue.Final()).(ast.Expr)
	if !ok {
		return ast.NewIdent("_")
	}
	pos := v.Pos()
	if f, ok := v.Source().(*ast.Field); ok {
		pos = f.Value.Pos()
	}
	ast.SetPos(x, pos)
	return x
}
