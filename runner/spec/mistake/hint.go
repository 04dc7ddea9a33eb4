package mistake

import (
	"fmt"
	"strings"

	"react/data/words"
)

// DidYouMean is ` (did you mean "x"?)` for the nearest of the choices, or a list of all of them
// where none is near and they are few.
func DidYouMean(word string, choices []string, all string) string {
	if near := Nearest(word, choices); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if len(choices) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", all, strings.Join(choices, ", "))
}

// Nearest is the choice with the smallest edit distance to word, if that is near enough to be a
// slip of the fingers; the earlier of two.
func Nearest(word string, choices []string) string {
	if len(word) > 80 {
		return ""
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range choices {
		if strings.EqualFold(word, c) {
			return c
		}
		if d := words.Distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}
