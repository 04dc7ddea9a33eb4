package pairs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/ops/knn"
	"react/ops/op"
)

// Passed is a row of passed.parquet: a candidate that curation kept out of the pairs, or from a
// class, and why.
type Passed struct {
	Index int64  `parquet:"index"` // of the embeddings folder
	Row   int64  `parquet:"row"`   // of the pool's metadata
	Key   string `parquet:"key"`
	Why   string `parquet:"why,dict"` // leak, near, collision
	By    string `parquet:"by,dict"`  // file, hash, cosine, caption; of a collision the policy
	// "task: 000012" (an evaluation and its image), the key of the image that is nearly repeated,
	// "cat to dog"
	Of    string  `parquet:"of"`
	Value float32 `parquet:"value"` // bits that differ, or cosine
}

// PassedFile holds the candidates that were not taken: see Passed.
const PassedFile = "passed.parquet"

// Reasons to pass a row over.
const (
	Leak      = "leak"
	near      = "near"
	collision = "collision"
)

// Likeness is how a pool row is like a test image.
type Likeness struct {
	By    string // file, hash, cosine, caption
	Of    int    // place in guard.names
	Value float32
}

// Guard finds pool rows among the images of evaluation sets.
type Guard struct {
	bits    *int    // in which hashes may differ; nil: they are not compared
	cosine  float64 // from which an image counts; 0: embeddings are not compared
	Names   []string
	files   map[string]int
	texts   map[string]int
	hashes  *hashTable
	vectors heldVectors
}

// openGuard reads the fingerprints that a pairs stage is given; nil without any.
func openGuard(run *op.Run, p Params) (*Guard, error) {
	dirs := run.Inputs("guard.")
	if len(dirs) == 0 {
		return nil, nil
	}
	return NewGuard(dirs, p.LeakHash, p.LeakCosine)
}

// NewGuard reads the fingerprints of named sets.
func NewGuard(dirs map[string]string, bits *int, cosine float64) (*Guard, error) {
	g := &Guard{bits: bits, cosine: cosine, files: map[string]int{}, texts: map[string]int{}}
	if bits != nil {
		g.hashes = newHashTable(*bits)
	}
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		prints, vectors, err := ReadFingerprints(dirs[name])
		if err != nil {
			return nil, err
		}
		if len(prints) == 0 {
			return nil, fmt.Errorf("%s: no images", dirs[name])
		}
		dim := len(vectors) / len(prints)
		if g.vectors.dim != 0 && g.vectors.dim != dim {
			return nil, fmt.Errorf("%s: vectors of %d, and of %d before", dirs[name], dim, g.vectors.dim)
		}
		g.vectors.dim, g.vectors.values = dim, append(g.vectors.values, vectors...)
		for _, f := range prints {
			i := len(g.Names)
			g.Names = append(g.Names, name+": "+f.Key)
			g.files[f.SHA256] = i
			for _, text := range f.Texts {
				g.texts[text] = i
			}
			if g.hashes != nil {
				g.hashes.add(uint64(f.Hash), i)
			}
		}
	}
	return g, nil
}

// Suspect is a pool row that is looked at.
type Suspect struct {
	Index   int64
	File    string // sha256; "" where there is no image
	Hash    uint64
	Hashed  bool
	Caption string
}

// Look says how rows are like test images, each row by every measure that finds it. image may be
// nil: embeddings are then not compared.
func (g *Guard) Look(ctx context.Context, image *embeddings.Matrix, rows []Suspect) (map[int64][]Likeness, error) {
	out := map[int64][]Likeness{}
	note := func(row int64, l Likeness) { out[row] = append(out[row], l) }
	for _, s := range rows {
		if i, ok := g.files[s.File]; ok && s.File != "" {
			note(s.Index, Likeness{By: "file", Of: i})
		}
		if g.hashes != nil && s.Hashed {
			if i, bits, ok := g.hashes.nearest(s.Hash); ok {
				note(s.Index, Likeness{By: "hash", Of: i, Value: float32(bits)})
			}
		}
	}
	if g.cosine > 0 && image != nil {
		if err := g.lookAlike(ctx, image, rows, note); err != nil {
			return nil, err
		}
	}
	for _, s := range rows {
		if i, ok := g.texts[plainText(s.Caption)]; ok {
			note(s.Index, Likeness{By: "caption", Of: i})
		}
	}
	return out, nil
}

// guardBlock is the number of rows that are compared with all test images together.
const guardBlock = 8192

func (g *Guard) lookAlike(ctx context.Context, image *embeddings.Matrix, rows []Suspect, note func(int64, Likeness)) error {
	if image.Dim() != g.vectors.dim {
		return fmt.Errorf("the pool's images have %d dimensions, the evaluation sets' %d: they come from another backbone", image.Dim(), g.vectors.dim)
	}
	for part := range slices.Chunk(rows, guardBlock) {
		queries := make([]float32, len(part)*g.vectors.dim)
		for i, s := range part {
			if err := image.Row(s.Index, queries[i*g.vectors.dim:(i+1)*g.vectors.dim]); err != nil {
				return err
			}
		}
		hits, err := knn.Exact{Source: g.vectors}.Search(ctx, queries, 1)
		if err != nil {
			return err
		}
		for i, s := range part {
			if float64(hits.Scores[i]) >= g.cosine {
				note(s.Index, Likeness{By: "cosine", Of: int(hits.Rows[i]), Value: hits.Scores[i]})
			}
		}
	}
	return nil
}

// heldVectors are vectors in memory, [rows, dim].
type heldVectors struct {
	values []float32
	dim    int
}

// Rows is the number of vectors.
func (h heldVectors) Rows() int64 { return int64(len(h.values) / max(1, h.dim)) }

// Dim is their length.
func (h heldVectors) Dim() int { return h.dim }

// Block copies vectors start to start+n into dst [n, dim].
func (h heldVectors) Block(start int64, n int, dst []float32) error {
	copy(dst, h.values[int(start)*h.dim:(int(start)+n)*h.dim])
	return nil
}

// hashTable finds hashes of 64 bits that differ in few: cut into one band more than bits may
// differ, two of them share at least one band.
type hashTable struct {
	bits   int
	bands  []map[uint64][]int32 // band → places
	hashes []uint64
	of     []int
}

func newHashTable(bits int) *hashTable {
	t := &hashTable{bits: bits, bands: make([]map[uint64][]int32, bits+1)}
	for i := range t.bands {
		t.bands[i] = map[uint64][]int32{}
	}
	return t
}

// band is the i-th part of a hash.
func (t *hashTable) band(hash uint64, i int) uint64 {
	n := len(t.bands)
	from, to := i*64/n, (i+1)*64/n
	return hash >> from & (1<<(to-from) - 1)
}

func (t *hashTable) add(hash uint64, of int) {
	for i := range t.bands {
		b := t.band(hash, i)
		t.bands[i][b] = append(t.bands[i][b], int32(len(t.hashes)))
	}
	t.hashes, t.of = append(t.hashes, hash), append(t.of, of)
}

// nearest is the one that differs least, of several the first that was added.
func (t *hashTable) nearest(hash uint64) (of, differ int, ok bool) {
	best, at := t.bits+1, -1
	for i := range t.bands {
		for _, k := range t.bands[i][t.band(hash, i)] {
			if d := bits.OnesCount64(hash ^ t.hashes[k]); d < best || d == best && int(k) < at {
				best, at = d, int(k)
			}
		}
	}
	if at < 0 || best > t.bits {
		return 0, 0, false
	}
	return t.of[at], best, true
}

// writePassed writes what curation passed over, rows up, collisions last.
func (m *maker) writePassed() error {
	var list []Passed
	for _, row := range slices.Sorted(maps.Keys(m.passed)) {
		list = append(list, m.passed[row])
	}
	list = append(list, m.lost...)
	if len(list) == 0 {
		return nil
	}
	return parquet.WriteFile(m.run.Path(PassedFile), list)
}

// ReadPassed reads what the curation of a finished pairs stage passed over, or the pairs of an
// audit that are in its dataset; none where there was no curation, or nothing to pass over.
func ReadPassed(dir string) ([]Passed, error) {
	list, err := op.ReadTable[Passed](filepath.Join(dir, PassedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}
