package spec

import (
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// Format is a file as `cue fmt` writes it, comments kept. A file that is no CUE gives Errors; file is what their positions call it.
func Format(file string, text []byte) ([]byte, error) {
	f, err := parser.ParseFile(file, text, parser.ParseComments)
	if err != nil {
		return nil, syntaxErrors(file, string(text), err).err()
	}
	return format.Node(f)
}
