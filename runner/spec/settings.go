package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"react/runner/spec/mistake"
	"react/runner/spec/source"
	"react/runner/spec/v1"
)

// plainText is an unquoted word, as people write after --set.
var plainText = regexp.MustCompile(`^[^\s"'{}\[\](),]+$`)

// parseSetting reads PATH=VALUE. Where the schema wants text, VALUE may leave its quotes out:
// tune.mode=full, backbone.weights=a/b.
func (c *checker) parseSetting(arg string) (source.Setting, error) {
	p, value, ok := strings.Cut(arg, "=")
	p, value = strings.TrimSpace(p), strings.TrimSpace(value)
	if !ok || p == "" || value == "" {
		return source.Setting{}, fmt.Errorf("not PATH=VALUE, such as tune.gamma=0.8")
	}
	sels := cue.ParsePath(p)
	if sels.Err() != nil {
		return source.Setting{}, fmt.Errorf("%q is not a dotted path, such as tune.gamma", p)
	}
	set := source.Setting{Text: value, From: mistake.SetPrefix + arg}
	for _, sel := range sels.Selectors() {
		if sel.Type() != cue.StringLabel {
			return source.Setting{}, fmt.Errorf("[%s] is a part of a list; set the whole list, such as sweep.seeds=[0, 1]", sel)
		}
		set.Path = append(set.Path, sel.Unquoted())
	}
	now, old := v1.Path(strings.Join(set.Path, "."))
	if old && !c.former {
		return source.Setting{}, fmt.Errorf("%s: called %s since %s", strings.Join(set.Path, "."), now, v1.Now)
	}
	set.Drop = c.Alternatives(now)
	x, err := parser.ParseExpr(set.From, set.Text)
	switch {
	case c.isSeveral(set):
		return source.Setting{}, errors.New(c.several(set))
	case c.WantsText(strings.Split(now, ".")) && (isBareText(value) || !isMarked(value) && (err != nil || c.namesNothing(x))):
		set.Text = strconv.Quote(value)
	case err != nil:
		return source.Setting{}, errors.New(c.notCUE(set))
	}
	return set, nil
}

// severalValues are numbers or words with commas between, as other programs take them for a sweep.
var severalValues = regexp.MustCompile(`^[\w.+-]+(?:\s*,\s*[\w.+-]+)+$`)

// isSeveral reports whether an override is several values where the field takes one, or a list.
func (c *checker) isSeveral(set source.Setting) bool {
	p := strings.Join(set.Path, ".")
	f := c.FormAt(p)
	return severalValues.MatchString(set.Text) &&
		(f == nil && set.Path[0] == "sweep" || f != nil && !f.TakesAnyText())
}

// several says how a list is written, and where one value stands that a list is a sweep.
func (c *checker) several(set source.Setting) string {
	parts := strings.Split(set.Text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
		if _, err := strconv.ParseFloat(parts[i], 64); err != nil {
			parts[i] = strconv.Quote(parts[i])
		}
	}
	p, list := strings.Join(set.Path, "."), "["+strings.Join(parts, ", ")+"]"
	if f := c.FormAt(p); set.Path[0] == "sweep" || f.List != nil {
		return fmt.Sprintf("%s: %s is no list (%s)", p, set.Text, list)
	}
	return fmt.Sprintf("%s: %s is several values where one stands (to sweep it: --set 'sweep.grid.%s=%s')",
		p, set.Text, p, list)
}

// notCUE says what is wrong with a value that does not parse, and what the field takes.
func (c *checker) notCUE(set source.Setting) string {
	f := c.FormAt(strings.Join(set.Path, "."))
	if f != nil && f.List != nil && f.List.TakesText() && !isMarked(set.Text) {
		return fmt.Sprintf("not a list of text ([%q])", set.Text)
	}
	text := "value: " + set.Text // hints look for a field
	_, err := parser.ParseFile(set.From, text)
	if err == nil { // "a: 1" is a field's value, and no expression
		return "syntax: not a value"
	}
	if m := nextSetting.FindString(set.Text); m != "" {
		return fmt.Sprintf("syntax: %q is another override (a --set of its own)", m)
	}
	said := mistake.SyntaxErrors(set.From, text, err)[0].Msg
	if f != nil && !strings.HasSuffix(said, ")") {
		said += fmt.Sprintf(" (%s)", f)
	}
	return said
}

// namesNothing reports whether an expression is of names alone, of which none is in the file:
// words.
func (c *checker) namesNothing(x ast.Expr) bool {
	refs := source.References(x)
	hasLiteral := false
	ast.Walk(x, func(n ast.Node) bool {
		_, is := n.(*ast.BasicLit)
		hasLiteral = hasLiteral || is
		return true
	}, nil)
	for _, ref := range refs {
		if len(ref) == 0 || c.src.Matches(`\b`+regexp.QuoteMeta(ref[0])+`"?\s*[:=]`) {
			return false
		}
	}
	return !hasLiteral && len(refs) > 0
}

// nextSetting is a second PATH=VALUE in the value of a first.
var nextSetting = regexp.MustCompile(`\b[a-z]\w*(?:\.\w+)+=.*`)

// isMarked reports whether a value begins as text in quotes or a list does: then it was meant as
// CUE.
func isMarked(value string) bool { return strings.ContainsAny(value[:1], "\"'[{") }

// isBareText reports whether a value is text without quotes and not a number, a list or a
// computation of other sorts.
func isBareText(value string) bool {
	if !plainText.MatchString(value) {
		return false
	}
	_, err := strconv.ParseFloat(value, 64)
	return err != nil
}
