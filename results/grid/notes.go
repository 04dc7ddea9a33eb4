package grid

import "slices"

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
