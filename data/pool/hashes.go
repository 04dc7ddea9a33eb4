package pool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/columns"
	"react/data/npy"
)

// hashSet is a sorted list of first halves of row hashes: 8 bytes a row, where a map takes five
// times that. Two different rows of a billion have the same first half with a chance of 3 %.
type hashSet []uint64

func (s hashSet) sorted() hashSet {
	slices.Sort(s)
	return slices.Clip(slices.Compact(s))
}

func (s hashSet) has(hash uint64) bool {
	_, ok := slices.BinarySearch(s, hash)
	return ok
}

// readHashes reads row hashes: a .parquet with a column hash, or with URL and TEXT (or url and
// caption) that are hashed here, as the rows are that Re-LAION took out; an .npy of int64; a .txt
// with one number a line, signed or not, # beginning a comment.
func readHashes(path string) ([]uint64, error) {
	switch filepath.Ext(path) {
	case ".parquet":
		return parquetHashes(path)
	case ".npy":
		shape, values, err := npy.ReadInts(path)
		if err == nil && len(shape) != 1 {
			err = fmt.Errorf("file %s: array %v, want one axis of hashes", path, shape)
		}
		out := make([]uint64, len(values))
		for i, v := range values {
			out[i] = uint64(v)
		}
		return out, err
	case ".txt":
		return textHashes(path)
	}
	return nil, fmt.Errorf("file %s: hashes are read from .parquet, .npy or .txt", path)
}

func textHashes(path string) ([]uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []uint64
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		signed, err := strconv.ParseInt(text, 10, 64)
		hash := uint64(signed)
		if err != nil {
			hash, err = strconv.ParseUint(text, 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("file %s: line %d: %.40q is no 64-bit number", path, n, text)
		}
		out = append(out, hash)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return out, nil
}

// parquetHashes takes the column hash where there is one.
func parquetHashes(path string) ([]uint64, error) {
	f, err := columns.Open(path, []columns.Column{{Name: "hash", Kind: columns.Int, Optional: true},
		{Name: "URL", Aliases: []string{"url"}, Optional: true}, {Name: "TEXT", Aliases: []string{"caption", "text"}, Optional: true}})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hashed := f.Source(0) != ""
	if !hashed && (f.Source(1) == "" || f.Source(2) == "") {
		return nil, fmt.Errorf("file %s: neither a column hash nor URL and TEXT (it has %s)", path, strings.Join(f.Names(), ", "))
	}
	var out []uint64
	for {
		b, err := f.Next(hashBatch)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Len {
			switch {
			case !hashed:
				out = append(out, hashOf(b.Cols[1].String(i), b.Cols[2].String(i))[0])
			case b.Cols[0].IsNull(i):
				return nil, fmt.Errorf("file %s: row %d: hash is null", path, b.Row+int64(i))
			default:
				out = append(out, uint64(b.Cols[0].Int(i)))
			}
		}
	}
}

const hashBatch = 1 << 14
