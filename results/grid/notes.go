package grid

import (
	"fmt"
	"slices"
	"strings"

	"react/data/words"
	"react/results"
)

// The texts of footnotes stand in this file. cell.go adds those of cells, remarks.go and correct.go
// those of differences; each of results/writers prints their numbers and, below the table, them.

// note adds a footnote to the cell; equal footnotes share a number.
func (b *builder) note(c *Cell, text string) { c.Notes = b.addNote(c.Notes, text) }

func (b *builder) addNote(notes []int, text string) []int {
	i, ok := b.noteIndex[text]
	if !ok {
		i = len(b.grid.Notes)
		b.noteIndex[text] = i
		b.grid.Notes = append(b.grid.Notes, text)
	}
	if slices.Contains(notes, i) {
		return notes
	}
	notes = append(notes, i)
	slices.Sort(notes)
	return notes
}

// notNumbers says of which trials the value is not a number, "" of none.
func notNumbers(points []Point) string {
	var bad []owner
	for _, p := range points {
		if !results.IsFinite(p.Value) {
			bad = append(bad, owner{p.Seed, p.Trial})
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return "not a number: " + whose(bad)
}

// residueNote says that values differ in more than the seed; residue holds field and values of each.
func residueNote(residue []string) string { return "averages over " + strings.Join(residue, "; ") }

func enginesNote(engines []string) string { return "mixes engines: " + strings.Join(engines, ", ") }

// missingNote says why planned trials have no value: pending, failed and with what error.
func missingNote(of []owner, why string) string { return whose(of) + " " + why }

// untestedNote is of a difference without a test.
func untestedNote(why string) string { return "no test: " + why }

// fixedNote is of a comparison that is not in the table's family of exploratory tests.
func fixedNote(tests int) string {
	return "fixed beforehand: corrected among " + words.Plural(tests, "fixed comparison") + ", not with the others"
}

// methodText says in words what a test does: the footnote of a difference in a table with several
// methods, else one sentence under the table.
var methodText = map[Method]string{
	flipClasses: flipText("classes", "images of a class are flipped together"),
	flipImages:  flipText("images with their captions", "captions of an image are flipped together"),
	flipSets:    flipText("classes within each set", "every set counts once, images of a class are flipped together"),
	redrawn: fmt.Sprintf("each has its 95 %% interval and its p-value, below 0.05 exactly where the interval leaves out 0. The figure is computed "+
		"again over %d draws of as many pictures, with replacement, from seed %d, the same for all models. Seeds are averaged, and their "+
		"variation counts as a second source of variance", pictureDraws, flipSeed),
	mcNemarTest: "exact McNemar test over single images, with the largest p of all seeds. It treats the images of a class as independent, " +
		"which makes p too small where they are not; it gives no interval",
}

func flipText(clusters, together string) string {
	return fmt.Sprintf("each has its 95 %% interval and its p-value, below 0.05 exactly where the interval leaves out 0. The test flips the signs of whole %s (%s; "+
		"every combination for up to 14, else %d random ones from seed %d). Seeds are averaged, and their variation counts as a second source of variance",
		clusters, together, flipDraws, flipSeed)
}
