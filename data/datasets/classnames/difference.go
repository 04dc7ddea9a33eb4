package classnames

import (
	"fmt"
	"strconv"
	"strings"
)

// Difference says by name how the classes of a task and of a set differ: in writing alone, or
// because some are only in the one or the other; "" where they are the same, or share none.
func Difference(task, set []string) (text string, shared int) {
	at := map[string]bool{}
	plain := map[string]string{}
	for _, c := range set {
		at[c], plain[Plain(c)] = true, c
	}
	var here, written []string
	taken := map[string]bool{}
	for _, c := range task {
		other, near := plain[Plain(c)]
		switch {
		case at[c]:
			shared++
			taken[c] = true
		case near:
			shared++
			taken[other] = true
			written = append(written, fmt.Sprintf("%q is %q there", c, other))
		default:
			here = append(here, strconv.Quote(c))
		}
	}
	var there []string
	for _, c := range set {
		if !taken[c] {
			there = append(there, strconv.Quote(c))
		}
	}
	if shared == 0 {
		return "", 0
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"only of the task: ", here}, {"only of the set: ", there}, {"written otherwise: ", written}} {
		if len(p.names) > 0 {
			parts = append(parts, p.what+someOf(p.names))
		}
	}
	return strings.Join(parts, "; "), shared
}

// namesSaid is the number of names that a message lists.
const namesSaid = 5

func someOf(names []string) string {
	text := strings.Join(names[:min(len(names), namesSaid)], ", ")
	if more := len(names) - namesSaid; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Plain leaves letters and digits: files write air_plane for "air plane".
func Plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-/.,'\"()", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
