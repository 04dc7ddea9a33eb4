package mistake

import (
	"fmt"
	"regexp"
	"strings"

	"cuelang.org/go/cue/errors"
)

// Message is an error of CUE's evaluation in our words, without its path and with its causes.
func Message(e errors.Error) string {
	text := oneMessage(e)
	for cause := errors.Unwrap(e); cause != nil; cause = errors.Unwrap(cause) {
		more := cause.Error()
		if c, ok := cause.(errors.Error); ok {
			more = oneMessage(c)
		}
		if more = strings.Join(strings.Fields(more), " "); more != "" {
			text += ": " + more
		}
	}
	return text
}

func oneMessage(e errors.Error) string {
	format, args := e.Msg()
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = strings.Join(strings.Fields(fmt.Sprint(a)), " ")
	}
	if w, ok := wordings[format]; ok && len(args) == w.args {
		return w.say(e, words)
	}
	return strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
}

// wording is one message of CUE's and how we say it.
type wording struct {
	args int
	say  func(e errors.Error, args []any) string
}

// says makes a wording of a format for the same arguments.
func says(args int, format string) wording {
	return wording{args, func(_ errors.Error, words []any) string { return fmt.Sprintf(format, words...) }}
}

// wordings are the messages that people meet, by CUE's format.
var wordings = map[string]wording{
	"conflicting values %s and %s": {2, func(e errors.Error, a []any) string {
		return fmt.Sprintf("has two values, %s and %s (a field has one%s)", a[0], a[1], elsewhere(e))
	}},
	"conflicting values %s and %s (mismatched types %s and %s)": {4, func(e errors.Error, a []any) string {
		return fmt.Sprintf("has two values, %s and %s, %s and %s (a field has one%s)", cutText(a[0]), cutText(a[1]), kindWords(a[2]), kindWords(a[3]), elsewhere(e))
	}},
	"invalid operands %s and %s to '%s' (type %s and %s)": {5, func(_ errors.Error, a []any) string {
		return fmt.Sprintf("%s %s %s: %s and %s do not go together (of a number \"\\(x)\" makes text)", a[0], a[2], a[1], kindWords(a[3]), kindWords(a[4]))
	}},
	"invalid operation %v (%s %s)": {3, func(_ errors.Error, a []any) string {
		if a[1] == "-" && a[2] == "string" {
			return fmt.Sprintf("%s: a minus before text (a list is written [%s, ...])", a[0], strings.TrimPrefix(fmt.Sprint(a[0]), "-"))
		}
		return fmt.Sprintf("%s: there is no %s of %s", a[0], a[1], kindWords(a[2]))
	}},
	"cannot use %s (type %s) as type %s": {3, func(_ errors.Error, a []any) string {
		return fmt.Sprintf("%s is %s, not %s", cutText(a[0]), kindWords(a[1]), kindWords(a[2]))
	}},
	"cannot use %s (type %s) as type %s in %v": {4, func(_ errors.Error, a []any) string {
		return fmt.Sprintf("%s is %s (%s takes %s)", cutText(a[0]), kindWords(a[1]), a[3], kindWords(a[2]))
	}},
	"cannot use %s (type %s) as %s in argument %d to %v": {5, func(_ errors.Error, a []any) string {
		return fmt.Sprintf("%s is %s (argument %s of %s is %s)",
			cutText(a[0]), kindWords(a[1]), a[3], a[4], kindWords(a[2]))
	}},
	"cannot call non-function %s (type %s)":              says(2, "%[1]s is no function (its package has others)"),
	"invalid operand %s (found %s, want list or struct)": says(2, `%[1]s has no parts (a value in text is "\(x)")`),
	"preference mark not allowed at this position": says(0, "* marks one of several choices "+
		`(a power is math.Pow(2, 10), after import "math"; a group is named without *)`),
	"field is required but not present":        says(0, "! asks for a value and gives none (the name alone, without !)"),
	"cyclic references in let clause or alias": says(0, "is computed from itself (one of the names needs a value)"),
	"non-concrete value %v in operand to %s":   says(2, "%[2]s computes with something that has no value (a value for it)"),
	"index out of range [%d] with length %d":   says(2, "no item %s in a list of %s (the first is 0)"),
	"invalid interpolation":                    says(0, `a \(...) in the text has no value`),
	"error in call to %s":                      says(1, "%s"),
	"cycle with field: %v":                     {1, func(errors.Error, []any) string { return Loop(nil) }},
	"structural cycle":                         says(0, "holds itself without end (its own fields)"),
	"undefined field: %s":                      says(1, "there is no field %s"),
	"failed arithmetic: %v":                    says(1, "cannot be computed: %s (other numbers)"),
	"imported and not used: %s":                says(1, "the import %s is not used (take it out)"),
	"unreferenced alias or let clause %s":      says(1, "%s is not used (take it out)"),
}

// Loop says of a value that it is computed from itself, through other fields or at once.
func Loop(through []string) string {
	if len(through) == 0 {
		return "is computed from itself (a value)"
	}
	return "is computed from itself, through " + Listed(through, "and") + " (one of them needs a value)"
}

func cutText(text any) string { return Cut(fmt.Sprint(text), 60) }

// elsewhere names a line, or a place in another file, that says the same field too, where it is
// another than that of the message.
func elsewhere(e errors.Error) string {
	in := e.InputPositions()
	for _, p := range in {
		switch {
		case !p.IsValid() || !in[0].IsValid() || strings.HasPrefix(p.Filename(), SetPrefix):
		case p.Filename() != in[0].Filename() && !strings.HasPrefix(in[0].Filename(), SetPrefix):
			return fmt.Sprintf("; the other stands in %s", At(p))
		case p.Filename() != in[0].Filename() || p.Line() != in[0].Line():
			return fmt.Sprintf("; the other stands in line %d", p.Line())
		}
	}
	if len(in) > 1 && !strings.HasPrefix(in[0].Filename(), SetPrefix) {
		return "; a list is written [..., ...]"
	}
	return ""
}

// kindNames are CUE's types as people say them.
var kindNames = map[string]string{"string": "text", "int": "a whole number", "float": "a number", "number": "a number", "bool": "true or false",
	"struct": "a group of fields", "list": "a list", "bytes": "bytes", "null": "null", "func": "a function", "_": "anything"}

// IsKind reports whether a text is a type of CUE's.
func IsKind(text string) bool { return kindNames[text] != "" }

var kindName = regexp.MustCompile(`[a-z_]+`)

// kindWords is a type of CUE's such as (int|string) in words.
func kindWords(kind any) string {
	names := kindName.FindAllString(fmt.Sprint(kind), -1)
	for i, name := range names {
		if words, ok := kindNames[name]; ok {
			names[i] = words
		}
	}
	return strings.Join(names, " or ")
}

// FirstMessage is the first error of an evaluation, in one line and without its path.
func FirstMessage(err error) string {
	return Message(errors.Errors(err)[0])
}
