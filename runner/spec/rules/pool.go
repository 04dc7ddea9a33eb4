package rules

import (
	"strings"

	"react/runner/spec/fields"
)

func (s Scene) checkPool(path string) {
	switch {
	case s.IsBad(path):
	case s.Values.Has(path+".laion") && !s.Values.Has(path+".shards"):
		s.report(path+".shards", "missing (a glob of the tars that hold the images of laion)")
	case s.Values.Has(path+".world") && s.Values.Has(path+".shards"):
		s.report(path+".shards", "given beside world (a world makes its own images)")
	case s.Values.Has(path + ".world"):
		s.sumUpToOne(path+".world", "named", "irrelevant", "duplicates")
		s.sumUpToOne(path+".world", "wrong", "vague")
	}
	s.checkFilter(path + ".filter")
}

// checkFilter compares the ends of ranges.
func (s Scene) checkFilter(path string) {
	if !s.Values.Has(path) || s.IsBad(path) {
		return
	}
	for _, ends := range [][2]string{{"minSimilarity", "maxSimilarity"}, {"minChars", "maxChars"}} {
		if low, high := s.Values.Number(fields.Join(path, ends[0])), s.Values.Number(fields.Join(path, ends[1])); low > high {
			s.report(fields.Join(path, ends[0]), "%g is over %s %g (no row would be left)", low, ends[1], high)
		}
	}
	if s.Values.Has(fields.Join(path, "seed")) && !s.Values.Has(fields.Join(path, "fraction")) {
		s.report(fields.Join(path, "seed"), "given without fraction (the seed chooses a fraction of the rows)")
	}
}

// sumUpToOne checks shares of the same whole.
func (s Scene) sumUpToOne(group string, shares ...string) {
	sum, last := 0.0, group
	for _, f := range shares {
		p := fields.Join(group, f)
		sum += s.Values.Number(p)
		if s.given(p) {
			last = p
		}
	}
	if sum > 1+1e-9 {
		s.report(last, "%s are %.6g of the whole together (at most 1)", strings.Join(shares, ", "), sum)
	}
}
