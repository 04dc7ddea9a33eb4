package pool

import (
	"path/filepath"
	"slices"
	"strings"
)

// Difference compares the rows of two manifests by their hashes; a row that stands several times
// counts once, and is alive where any is.
type Difference struct {
	Distinct [2]int64 `json:"distinct"` // different rows of each
	Both     int64    `json:"both"`     // in both pools
	Only     [2]int64 `json:"only"`     // in one pool alone
	Alive    [2]int64 `json:"alive"`    // different rows that are alive, of each
	// alive in both: what a filter within both leaves
	AliveBoth int64 `json:"aliveBoth"`
	// by cause: dropped in that pool, alive in the other
	DroppedIn [2]map[string]int64 `json:"droppedIn"`
	// the same rows, kept or dropped alike, in the same order
	SameDigest bool `json:"sameDigest"`
	// metadata files that only one has, or that differ
	Files [2][]string `json:"files"`
}

// entry is a row in a comparison.
type entry struct {
	hash  Hash
	cause string
}

// partRows bounds the rows of a pool that are in memory together, 40 bytes each.
const partRows = 1 << 23

// Diff compares the manifests of two folders. It passes over both as often as memory for about
// eight million rows of each needs.
func Diff(a, b string) (*Difference, error) { return diff(a, b, partRows) }

func diff(a, b string, partRows int64) (*Difference, error) {
	dirs := [2]string{a, b}
	var mans [2]*Manifest
	d := &Difference{DroppedIn: [2]map[string]int64{{}, {}}}
	parts := uint64(1)
	for i, dir := range dirs {
		var err error
		if mans[i], err = Read(dir); err != nil {
			return nil, err
		}
		parts = max(parts, uint64(mans[i].Rows/partRows)+1)
	}
	d.SameDigest = mans[0].Digest == mans[1].Digest
	d.Files = [2][]string{otherFiles(mans[0], mans[1]), otherFiles(mans[1], mans[0])}
	for part := range parts {
		var rows [2][]entry
		for i, dir := range dirs {
			var err error
			if rows[i], err = readPart(filepath.Join(dir, RowsFile), part, parts); err != nil {
				return nil, err
			}
		}
		d.merge(rows)
	}
	return d, nil
}

// otherFiles are the metadata files of a that b does not have with the same content.
func otherFiles(a, b *Manifest) []string {
	var out []string
	for _, f := range a.Metadata {
		if !slices.ContainsFunc(b.Metadata, func(g File) bool { return g.SHA256 == f.SHA256 && g.Name == f.Name }) {
			out = append(out, f.Name)
		}
	}
	return out
}

// readPart gives the different rows of one part of the hashes, sorted.
func readPart(path string, part, parts uint64) ([]entry, error) {
	var rows []entry
	causes := map[string]string{} // one string for each cause
	err := eachRow(path, func(h Hash, cause string) error {
		if h[1]%parts == part {
			kept, ok := causes[cause]
			if !ok {
				kept = strings.Clone(cause)
				causes[kept] = kept
			}
			rows = append(rows, entry{h, kept})
		}
		return nil
	})
	// "" sorts first, so that of equal rows an alive one stays.
	slices.SortFunc(rows, func(a, b entry) int {
		if c := compareHashes(a.hash, b.hash); c != 0 {
			return c
		}
		return strings.Compare(a.cause, b.cause)
	})
	return slices.CompactFunc(rows, func(a, b entry) bool { return a.hash == b.hash }), err
}

// merge counts two sorted lists.
func (d *Difference) merge(rows [2][]entry) {
	a, b := rows[0], rows[1]
	count := func(side int, e entry) {
		d.Distinct[side]++
		if e.cause == "" {
			d.Alive[side]++
		}
	}
	for len(a) > 0 || len(b) > 0 {
		order := -1
		switch {
		case len(a) == 0:
			order = 1
		case len(b) > 0:
			order = compareHashes(a[0].hash, b[0].hash)
		}
		if order <= 0 {
			count(0, a[0])
		}
		if order >= 0 {
			count(1, b[0])
		}
		switch {
		case order < 0:
			d.Only[0]++
			a = a[1:]
		case order > 0:
			d.Only[1]++
			b = b[1:]
		default:
			d.shared(a[0], b[0])
			a, b = a[1:], b[1:]
		}
	}
}

func (d *Difference) shared(a, b entry) {
	d.Both++
	switch {
	case a.cause == "" && b.cause == "":
		d.AliveBoth++
	case b.cause == "":
		d.DroppedIn[0][a.cause]++
	case a.cause == "":
		d.DroppedIn[1][b.cause]++
	}
}
