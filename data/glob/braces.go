package glob

import (
	"fmt"
	"strconv"
	"strings"
)

// maxAlternatives bounds what braces may stand for: more is a slip of the keyboard.
const maxAlternatives = 1 << 20

// expand writes out the braces of a pattern, as bash and webdataset do: {a,b}, {00..12},
// {a..e}, {0..9..3}, one in another too. Braces of another form mean themselves.
func expand(pattern string) ([]string, error) {
	open, end, commas := findBraces(pattern)
	if open < 0 {
		return []string{pattern}, nil
	}
	var inner []string
	switch body := pattern[open+1 : end]; {
	case len(commas) > 0:
		from := open + 1
		for _, at := range append(commas, end) {
			inner = append(inner, pattern[from:at])
			from = at + 1
		}
	default:
		numbers, err := sequence(body)
		if err != nil {
			return nil, err
		}
		if inner = numbers; numbers == nil {
			inner = []string{`\{` + body + `}`} // itself
		}
	}
	var out []string
	for _, one := range inner {
		whole, err := expand(pattern[:open] + one + pattern[end+1:])
		if err != nil {
			return nil, err
		}
		if out = append(out, whole...); len(out) > maxAlternatives {
			return nil, fmt.Errorf("its braces stand for more than %d names", maxAlternatives)
		}
	}
	return out, nil
}

// findBraces finds the first pair of braces and the commas between them that are of no
// inner pair; open is -1 where there is none. A letter behind \ means itself.
func findBraces(pattern string) (open, end int, commas []int) {
	open = -1
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case c == '{':
			if depth == 0 {
				open = i
			}
			depth++
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return open, i, commas
			}
		case c == ',' && depth == 1:
			commas = append(commas, i)
		}
	}
	return -1, 0, nil
}

// sequence writes out FROM..TO or FROM..TO..STEP; nil where it is none.
func sequence(body string) ([]string, error) {
	ends := strings.Split(body, "..")
	if len(ends) < 2 || len(ends) > 3 {
		return nil, nil
	}
	step := 1
	if len(ends) == 3 {
		n, err := strconv.Atoi(ends[2])
		if err != nil {
			return nil, nil
		}
		step = max(n, -n, 1)
	}
	from, err1 := strconv.Atoi(ends[0])
	to, err2 := strconv.Atoi(ends[1])
	show := func(n int) string { return fmt.Sprintf("%0*d", width(ends[0], ends[1]), n) }
	if err1 != nil || err2 != nil {
		if !isLetter(ends[0]) || !isLetter(ends[1]) {
			return nil, nil
		}
		from, to = int(ends[0][0]), int(ends[1][0])
		show = func(n int) string { return string(rune(n)) }
	}
	const far = 1 << 50
	if max(from, -from, to, -to) > far || max(to-from, from-to)/step >= maxAlternatives {
		return nil, fmt.Errorf("its braces stand for more than %d names", maxAlternatives)
	}
	var out []string
	for n := from; from <= to && n <= to || from > to && n >= to; {
		out = append(out, show(n))
		if from <= to {
			n += step
		} else {
			n -= step
		}
	}
	return out, nil
}

// width is how many digits numbers have: those of the longer end where one begins with 0.
func width(from, to string) int {
	padded := func(s string) bool { s = strings.TrimPrefix(s, "-"); return len(s) > 1 && s[0] == '0' }
	if padded(from) || padded(to) {
		return max(len(from), len(to))
	}
	return 0
}

func isLetter(s string) bool {
	return len(s) == 1 && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}
