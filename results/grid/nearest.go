package grid

import (
	"fmt"
	"slices"
	"strings"

	"react/data/words"
)

// hint is ` (did you mean "x"?)` for the nearest of the names, or the names
// themselves when none is near and they are few, or nothing.
func hint(name string, names []string) string {
	best, distance := "", 1+max(2, len(name)/3)
	for _, n := range slices.Sorted(slices.Values(names)) {
		if d := words.Distance(strings.ToLower(name), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	if len(names) == 0 || len(names) > 12 {
		return ""
	}
	return " (there are: " + strings.Join(slices.Sorted(slices.Values(names)), ", ") + ")"
}
