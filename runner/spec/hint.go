package spec

import (
	"fmt"
	"strings"
)

// didYouMean is ` (did you mean "x"?)` for the nearest of the choices, or a list of all of them where none is near and they are few.
func didYouMean(word string, choices []string, all string) string {
	if near := nearest(word, choices); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if len(choices) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", all, strings.Join(choices, ", "))
}

// nearest is the choice with the smallest edit distance to word, if that is near enough to be a slip of the fingers; the earlier of two.
func nearest(word string, choices []string) string {
	if len(word) > 80 {
		return ""
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range choices {
		if strings.EqualFold(word, c) {
			return c
		}
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes, where a swap of neighbours counts as one.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			same := 1
			if a[i] == b[j] {
				same = 0
			}
			next[j+1] = min(row[j]+same, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
