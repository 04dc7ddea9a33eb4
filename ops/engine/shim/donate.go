package shim

import (
	"bytes"
	"fmt"
)

// donor is the attribute of an input of StableHLO's whose memory outputs may take. Without it a
// buffer that is donated is freed after the run, and old and new values are there at once.
const donor = "jax.buffer_donor = true"

// donate gives the attribute to the inputs p0, p1, ... of a program that are donated. A program
// that is not written as go-xla writes them stays as it is.
func donate(program []byte, donated []bool) []byte {
	var out bytes.Buffer
	rest := program
	upTo := func(text string) bool {
		before, after, found := bytes.Cut(rest, []byte(text))
		out.Write(before)
		out.WriteString(text)
		rest = after
		return found
	}
	if !upTo("func.func @main(") {
		return program
	}
	for i, is := range donated {
		if !is {
			continue
		}
		if !upTo(fmt.Sprintf("%%p%d: tensor<", i)) || !upTo(">") {
			return program
		}
		if bytes.HasPrefix(rest, []byte(" {")) { // it has others
			rest = rest[2:]
			out.WriteString(" {" + donor + ",")
			continue
		}
		out.WriteString(" {" + donor + "}")
	}
	out.Write(rest)
	return out.Bytes()
}
