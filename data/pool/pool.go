// Package pool says which rows of a pool a run saw: the filter that was applied to its metadata,
// and a manifest that pins files, rows and what the filter did to each.
//
// A filter drops rows by what LAION's and DataComp's metadata say of them, by lists of hashes, or
// by chance; it never renumbers them. The row hash is the first 64 bits of MurmurHash3-x64-128 of
// url+caption (seed 0, null as ""), which LAION-5B calls hash: the same pair has it in every
// release, however rows are ordered, so that pools of different dates can be compared and cut to
// what they share.
//
// Words: a row's cause is the condition that dropped it, the first in a fixed order; an alive row
// has none.
//
// Not here: reading parquet (data/laion, data/columns), images, search.
package pool

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/twmb/murmur3"

	"react/data/laion"
)

// Filter is a set of conditions that a row must meet; the zero value lets every readable row
// through. A row that lacks a value that a condition needs is dropped as "no NAME", or kept with
// Unknown "keep"; a file that lacks the whole column is an error.
type Filter struct {
	// of image and caption, as the metadata give it
	MinSimilarity *float64 `json:"minSimilarity,omitempty"`
	MaxSimilarity *float64 `json:"maxSimilarity,omitempty"`
	MinSide       int      `json:"minSide,omitempty"`   // pixels of the shorter side
	MaxAspect     float64  `json:"maxAspect,omitempty"` // longer side over the shorter
	NSFW          []string `json:"nsfw,omitempty"`      // tags that are let through
	MaxUnsafe     *float64 `json:"maxPunsafe,omitempty"`
	MaxWatermark  *float64 `json:"maxPwatermark,omitempty"`
	MinAesthetic  *float64 `json:"minAesthetic,omitempty"`
	Language      []string `json:"language,omitempty"` // codes that are let through
	License       []string `json:"license,omitempty"`  // that are let through
	MinWords      int      `json:"minWords,omitempty"` // of the caption, divided by white space
	MinChars      int      `json:"minChars,omitempty"` // of the caption
	MaxChars      int      `json:"maxChars,omitempty"`
	// of the rows that are left; smaller ones are subsets of larger
	Fraction float64 `json:"fraction,omitempty"`
	Seed     int64   `json:"seed,omitempty"`    // of that choice
	Unknown  string  `json:"unknown,omitempty"` // drop or keep; empty is drop
}

// Lists are the outside files of a filter.
type Lists struct {
	Block  []string // hashes of rows to drop (see readHashes)
	Within []string // rows.parquet of manifests; a row must be alive in each
}

// Hash is the row hash as 128 bits; the first half is LAION-5B's column hash.
type Hash [2]uint64

// hashOf hashes a row.
func hashOf(url, text string) Hash {
	h := murmur3.New128()
	h.Write([]byte(url))
	h.Write([]byte(text))
	a, b := h.Sum128()
	return Hash{a, b}
}

func compareHashes(a, b Hash) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }

// Causes that no condition of a filter has; the others are named in checks.
const (
	Unreadable  = "unreadable"
	OnBlocklist = "blocklist"
	outsideOf   = "within" // not alive in a manifest that the filter names
	ofFraction  = "fraction"
)

// Matcher applies a filter. Not for concurrent use.
type Matcher struct {
	filter Filter
	block  hashSet
	within []hashSet
	checks []check
	keep   uint64 // rows whose mixed hash is under this are kept
	salt   uint64
}

// check is one condition: the column it needs and its verdict. known is false where the row does
// not have the value.
type check struct {
	cause, column string
	test          func(row *laion.Row) (known, ok bool)
}

// NewMatcher reads the lists of a filter and checks its numbers.
func NewMatcher(f Filter, lists Lists) (*Matcher, error) {
	if f.Fraction < 0 || f.Fraction > 1 || math.IsNaN(f.Fraction) {
		return nil, fmt.Errorf("fraction %v is not in 0..1", f.Fraction)
	}
	if f.Unknown != "" && f.Unknown != "drop" && f.Unknown != "keep" {
		return nil, fmt.Errorf("unknown %q is neither drop nor keep", f.Unknown)
	}
	m := &Matcher{filter: f, checks: f.checks(), keep: math.MaxUint64, salt: mix(uint64(f.Seed))}
	if f.Fraction > 0 && f.Fraction < 1 {
		m.keep = uint64(f.Fraction * (1 << 63) * 2)
	}
	for _, name := range lists.Block {
		hashes, err := readHashes(name)
		if err != nil {
			return nil, err
		}
		m.block = append(m.block, hashes...)
	}
	m.block = m.block.sorted()
	for _, name := range lists.Within {
		alive, err := readAliveHashes(name)
		if err != nil {
			return nil, err
		}
		m.within = append(m.within, alive.sorted())
	}
	return m, nil
}

// checks lists the conditions that are set, in the order of causes.
func (f Filter) checks() []check {
	var out []check
	add := func(set bool, c check) {
		if set {
			out = append(out, c)
		}
	}
	number := func(value func(*laion.Row) float64, ok func(float64) bool) func(*laion.Row) (bool, bool) {
		return func(row *laion.Row) (bool, bool) {
			v := value(row)
			return !math.IsNaN(v), ok(v)
		}
	}
	tag := func(value func(*laion.Row) string, allowed []string) func(*laion.Row) (bool, bool) {
		return func(row *laion.Row) (bool, bool) {
			v := value(row)
			return v != "", slices.Contains(allowed, v)
		}
	}
	similarity := func(row *laion.Row) float64 { return row.Similarity }
	add(f.MinSimilarity != nil || f.MaxSimilarity != nil, check{"similarity", "similarity", number(similarity, func(v float64) bool {
		return (f.MinSimilarity == nil || v >= *f.MinSimilarity) && (f.MaxSimilarity == nil || v <= *f.MaxSimilarity)
	})})
	add(f.MinSide > 0, check{"size", "WIDTH", func(row *laion.Row) (bool, bool) {
		side := min(row.Width, row.Height)
		return side > 0, int(side) >= f.MinSide
	}})
	add(f.MaxAspect > 0, check{"aspect", "WIDTH", func(row *laion.Row) (bool, bool) {
		short, long := float64(min(row.Width, row.Height)), float64(max(row.Width, row.Height))
		return short > 0, long <= f.MaxAspect*short
	}})
	add(len(f.NSFW) > 0, check{"nsfw", "NSFW", tag(func(row *laion.Row) string { return row.NSFW }, f.NSFW)})
	add(f.MaxUnsafe != nil, check{"punsafe", "punsafe", number(func(row *laion.Row) float64 { return row.Unsafe }, func(v float64) bool { return v <= *f.MaxUnsafe })})
	add(f.MaxWatermark != nil, check{"pwatermark", "pwatermark", number(func(row *laion.Row) float64 { return row.Watermark }, func(v float64) bool { return v <= *f.MaxWatermark })})
	add(f.MinAesthetic != nil, check{"aesthetic", "aesthetic", number(func(row *laion.Row) float64 { return row.Aesthetic }, func(v float64) bool { return v >= *f.MinAesthetic })})
	add(len(f.Language) > 0, check{"language", "LANGUAGE", tag(func(row *laion.Row) string { return row.Language }, f.Language)})
	add(len(f.License) > 0, check{"license", "LICENSE", tag(func(row *laion.Row) string { return row.License }, f.License)})
	add(f.MinWords > 0 || f.MinChars > 0 || f.MaxChars > 0, check{"caption", "TEXT", func(row *laion.Row) (bool, bool) { return true, f.captionFits(row.Text) }})
	return out
}

func (f Filter) captionFits(text string) bool {
	chars := utf8.RuneCountInString(text)
	return chars >= f.MinChars && (f.MaxChars == 0 || chars <= f.MaxChars) && (f.MinWords == 0 || countWords(text) >= f.MinWords)
}

// countWords counts runs of anything but white space.
func countWords(text string) int {
	n, inside := 0, false
	for _, r := range text {
		space := r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' || r == '\u3000'
		if !space && !inside {
			n++
		}
		inside = !space
	}
	return n
}

// Columns are those that the conditions need beside URL and TEXT.
func (f Filter) Columns() []string {
	var names []string
	for _, c := range f.checks() {
		switch c.column {
		case "TEXT":
		case "WIDTH":
			names = append(names, "WIDTH", "HEIGHT")
		default:
			names = append(names, c.column)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Cause gives why a row is dropped, "" for one that is kept. A value that is missing is the cause
// "no NAME".
func (m *Matcher) Cause(row *laion.Row, hash Hash) string {
	if row.Bad {
		return Unreadable
	}
	if m.block.has(hash[0]) {
		return OnBlocklist
	}
	for _, set := range m.within {
		if !set.has(hash[0]) {
			return outsideOf
		}
	}
	for _, c := range m.checks {
		known, ok := c.test(row)
		switch {
		case !known && m.filter.Unknown == "keep":
		case !known:
			return "no " + c.cause
		case !ok:
			return c.cause
		}
	}
	if m.keep != math.MaxUint64 && mix(hash[0]^m.salt) >= m.keep {
		return ofFraction
	}
	return ""
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood 2014): every bit of the result depends on
// every bit of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
