package labelmap

import (
	"fmt"
	"slices"
)

// Scheme says what the numbers of a benchmark's files mean. 255 is always ignored.
type Scheme struct {
	Classes int // at most 255
	// ReduceZero: 0 is no class and ignored, and class i is i+1 ("reduce zero label" elsewhere).
	ReduceZero bool
	// Gaps are numbers that no class has, in order; the classes after one move up.
	Gaps []int
}

// schemes are those of published benchmarks, by the names of their entries in the catalogue.
var schemes = map[string]Scheme{
	// *_labelTrainIds.png
	"coco-stuff": {Classes: 171},
	// the authors' PNGs: COCO's ids less one, of which eleven were never used
	"coco-stuff-raw":    {Classes: 171, Gaps: []int{11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}},
	"coco-stuff-10k":    {Classes: 171, ReduceZero: true},
	"pascal-context-59": {Classes: 59, ReduceZero: true},
	"pascal-context-60": {Classes: 60},
	"voc-20":            {Classes: 20, ReduceZero: true}, // 255 is the border around objects
	"voc-21":            {Classes: 21},
	"ade20k-150":        {Classes: 150, ReduceZero: true},
}

// Schemes are the names of the schemes of published benchmarks, sorted.
func Schemes() []string {
	var names []string
	for name := range schemes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// SchemeOf is the scheme of a benchmark.
func SchemeOf(name string) (Scheme, error) {
	s, ok := schemes[name]
	if !ok {
		return s, fmt.Errorf("no scheme of label maps %q (there are %q)", name, Schemes())
	}
	return s, nil
}

// unknown is what no class has.
const unknown = -1

// table is the label of each number of a file.
func (s Scheme) table() []int16 {
	table := make([]int16, Ignored+1)
	for i := range table {
		table[i] = unknown
	}
	at := 0
	if s.ReduceZero {
		table[0], at = Ignored, 1
	}
	for class := 0; class < s.Classes && at < Ignored; at++ {
		if !slices.Contains(s.Gaps, at) {
			table[at] = int16(class)
			class++
		}
	}
	table[Ignored] = Ignored
	return table
}

// values is the number in a file of each label.
func (s Scheme) values() ([]int16, error) {
	values := make([]int16, Ignored+1)
	for i := range values {
		values[i] = unknown
	}
	for value, label := range s.table() {
		if label != unknown {
			values[label] = int16(value)
		}
	}
	if s.Classes < 1 || s.Classes > Ignored || values[s.Classes-1] == unknown {
		return nil, fmt.Errorf("%d classes do not fit label maps of 8 bits", s.Classes)
	}
	return values, nil
}

// allowed says which numbers a file may have.
func (s Scheme) allowed() string {
	last := 0
	for value, label := range s.table() {
		if label != unknown && value < Ignored {
			last = value
		}
	}
	text := fmt.Sprintf("0 to %d or %d", last, Ignored)
	if len(s.Gaps) > 0 {
		text += fmt.Sprintf(", without the gaps %d", s.Gaps)
	}
	return text
}
