package spec

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// follower returns a function that gives the file's values under an assignment. Mostly they are the file's values as they stand. Where the file
// computes some field from a swept one (warmup: steps/10), the file is evaluated anew for each assignment with the axes set as --set would.
func (c *checker) follower(base *assignment, swept map[string]bool) func(assignment) values {
	if len(c.errs) > 0 || !c.anyFollows(base, swept) {
		return func(assignment) values { return base.set }
	}
	return func(a assignment) values {
		var more []setting
		for path, v := range a.vals {
			if base.set.has(path) {
				more = append(more, setting{path: strings.Split(path, "."), expr: literalAt(v)})
			}
		}
		v, err := c.src.build(more...)
		if err != nil {
			return base.set
		}
		derived := newAssignment()
		c.readSections(v, &derived)
		return derived.set
	}
}

// anyFollows finds out whether other fields depend on the swept ones: with the swept ones left open, does anything else open up or change?
func (c *checker) anyFollows(base *assignment, swept map[string]bool) bool {
	var open []setting
	for path := range swept {
		if base.set.has(path) {
			open = append(open, setting{path: strings.Split(path, "."), expr: ast.NewIdent("_")})
		}
	}
	if len(open) == 0 {
		return false
	}
	v, err := c.src.build(open...)
	if err != nil || v.Err() != nil {
		return true
	}
	probe := &checker{contract: c.contract, src: c.src, bad: map[string]bool{}, holes: map[string]bool{}}
	seen := newAssignment()
	probe.readSections(v, &seen)
	for path, raw := range base.set {
		if swept[path] {
			continue
		}
		if now, ok := seen.set[path]; !ok || string(now) != string(raw) {
			return true
		}
	}
	return len(seen.set) > len(base.set)
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
	ast.SetPos(x, pos.WithRel(token.NoRelPos))
	return x
}
