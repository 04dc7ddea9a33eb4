package layout

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"react/data/dtype"
	"react/ops/clip"
)

// fit holds the source's parameters to its config, and to the size of its files.
func (s *Source) fit() error {
	config := s.ConfigFile
	if config == "" {
		config = "the model deduced from the shapes"
	}
	v, t := s.Config.Model.Vision, s.Config.Model.Text
	blocks := v.Layers + t.Layers
	for _, n := range v.Stages {
		blocks += n
	}
	if blocks > len(s.origins) { // and would make a list of any length
		return fmt.Errorf("%s does not fit %s: %d blocks, and the file has only %d parameters", s.Files[0], config, blocks, len(s.origins))
	}
	if err := s.fitParameters(config); err != nil {
		return err
	}
	return s.fitMemory()
}

// fitMemory refuses a small file that would fill the memory: many tensors may
// show the same storage.
func (s *Source) fitMemory() error {
	var stored, files float64 // bytes; a float, since a damaged shape overflows
	for _, path := range s.Files {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		files += float64(info.Size())
	}
	for _, o := range s.origins {
		for _, p := range o.pieces {
			bytes := float64(p.dtype.Size())
			for _, d := range p.shape {
				bytes *= float64(d)
			}
			stored += bytes
		}
	}
	if stored > 2*files {
		return fmt.Errorf("%s: its parameters take %.0f bytes, and the files have only %.0f: they show the same values again and again", s.Files[0], stored, files)
	}
	return nil
}

func (s *Source) fitParameters(config string) error {
	var all problems
	wanted := map[string]bool{}
	for _, p := range clip.Parameters(s.Config) {
		wanted[p.Name] = true
		o, ok := s.origins[p.Name]
		if !ok {
			all.add(p.Name, "is missing")
			continue
		}
		shape := o.shape()
		// logit_scale of some checkpoints
		scalar := len(p.Shape) == 0 && slices.Equal(shape, []int{1})
		if !scalar && !slices.Equal(shape, p.Shape) {
			all.add(p.Name, fmt.Sprintf("is %v, the config says %v", shape, p.Shape))
		}
		if kind := o.pieces[0].dtype; !kind.IsFloat() {
			all.add(p.Name, fmt.Sprintf("has values of type %s, which are no weights", kind))
		}
	}
	for name := range s.origins {
		if !wanted[name] {
			all.add(name, "is not one of the config's model")
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%s does not fit %s:\n%s", s.Files[0], config, all)
}

// problems are what is wrong with parameters.
type problems []problem

type problem struct{ name, what string }

func (p *problems) add(name, what string) { *p = append(*p, problem{name, what}) }

// String is a line for each problem; the same one in many blocks is one line.
func (p problems) String() string {
	type group struct {
		names []string
		what  string
	}
	var order []string
	groups := map[string]*group{}
	slices.SortFunc(p, func(a, b problem) int { return compareNames(a.name, b.name) })
	for _, x := range p {
		key := blockNumber.ReplaceAllString(x.name, "$1*$3") + " " + x.what
		if groups[key] == nil {
			groups[key] = &group{what: x.what}
			order = append(order, key)
		}
		groups[key].names = append(groups[key].names, x.name)
	}
	lines := make([]string, len(order))
	for i, key := range order {
		g := groups[key]
		lines[i] = fmt.Sprintf("  parameter %q %s", joinNames(g.names), g.what)
		if n := len(g.names); n > 1 {
			lines[i] += fmt.Sprintf(" (%d)", n)
		}
	}
	return strings.Join(lines, "\n")
}

// blockNumber finds the number of a block or a stage in a name.
var blockNumber = regexp.MustCompile(`^(.*?(?:\.|layer))(\d+)(\..*)$`)

// compareNames sorts block 2 before block 10.
func compareNames(a, b string) int {
	x, y := blockNumber.FindStringSubmatch(a), blockNumber.FindStringSubmatch(b)
	if x == nil || y == nil || x[1] != y[1] {
		return strings.Compare(a, b)
	}
	i, _ := numberIn(a)
	j, _ := numberIn(b)
	if i != j {
		return i - j
	}
	return strings.Compare(x[3], y[3])
}

// joinNames writes names that differ in their block's number alone as one:
// resblocks.{0-11}.ln_1.weight.
func joinNames(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	m := blockNumber.FindStringSubmatch(names[0])
	return m[1] + "{" + ranges(numbersOf(names)) + "}" + m[3]
}

// numberIn is the number of the block or stage that a name speaks of.
func numberIn(name string) (int, bool) {
	m := blockNumber.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[2])
	return n, err == nil
}

// numbersOf are the block numbers in names, sorted, each once.
func numbersOf(names []string) []int {
	var numbers []int
	for _, name := range names {
		if n, ok := numberIn(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// ranges writes sorted numbers as 0-3,7.
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// finite says what in the values is no number.
func finite(data []float32) error {
	first, count := dtype.NotFinite(data)
	if count == 0 {
		return nil
	}
	kind := "NaN"
	if !math.IsNaN(float64(data[first])) {
		kind = "infinite"
	}
	return fmt.Errorf("value %d is %s (%d of %d are not finite): the weights are damaged or their training diverged", first, kind, count, len(data))
}
