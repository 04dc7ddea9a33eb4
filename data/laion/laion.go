// Package laion reads and writes metadata in the format of LAION-400M: parquet
// files of URL, TEXT and some columns about them, one row an image.
//
// It reads the columns asked for, batch by batch, checks captions, and numbers
// rows. It fetches nothing and knows nothing of images: package shards has
// those, joined by key. Beside LAION's columns it knows three optional ones of
// ours: key (the sample in the tars), label (the class, where known) and truth
// (the caption that would be right). Those are names that others give to columns of
// their own: one that is no text is passed over, and Reader.Notes tells; a key of whole
// numbers is their text.
//
// A row's Index is its place in the pool: files in lexicographic order of their
// names, rows as they are in each file, from 0. The row in messages is the row
// in its file, from 0 too. A bad row is one whose caption is null or not UTF-8,
// or one of whose strings is not UTF-8; it keeps its Index.
package laion

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"react/data/columns"
)

// Row is one image of a pool. Absent values are "", 0, or NaN for Similarity.
type Row struct {
	Index             int64 // in the pool; when written: SAMPLE_ID
	URL, Text         string
	Key, Label, Truth string
	Width, Height     int32
	License, NSFW     string
	Similarity        float64 // of image and caption by CLIP, in [-1, 1]
	Bad               bool    // ignored when written

	// What LAION-5B's joined and aesthetic subsets, and img2dataset's output, add;
	// only read. Absent numbers are NaN.
	Language                     string
	Status                       string // of the download: success, failed_to_download, ...
	Unsafe, Watermark, Aesthetic float64
}

type column = columns.Column

// fields are the columns in the order of the format; ours come after LAION-400M's, then what
// later subsets add. Aliases are the names in LAION-5B's re-exports, DataComp's
// metadata and img2dataset's output, whose width is that of the resized image. A column's type is
// that of the field of Row that At points to, one of those that columns.Field names.
var fields = []columns.Field[Row]{
	{At: func(r *Row) any { return &r.Index }, Column: column{Name: "SAMPLE_ID", Optional: true}},
	{At: func(r *Row) any { return &r.URL }, Column: column{Name: "URL", Aliases: []string{"url"}}},
	{At: func(r *Row) any { return &r.Text },
		Column: column{Name: "TEXT", Aliases: []string{"caption", "text"}}},
	{At: func(r *Row) any { return &r.Height },
		Column: column{Name: "HEIGHT", Aliases: []string{"original_height", "height"}, Optional: true}},
	{At: func(r *Row) any { return &r.Width },
		Column: column{Name: "WIDTH", Aliases: []string{"original_width", "width"}, Optional: true}},
	{At: func(r *Row) any { return &r.License }, Null: true,
		Column: column{Name: "LICENSE", Aliases: []string{"license"}, Optional: true, Dict: true}},
	{At: func(r *Row) any { return &r.NSFW }, Null: true,
		Column: column{Name: "NSFW", Aliases: []string{"nsfw"}, Optional: true, Dict: true}},
	{At: func(r *Row) any { return &r.Similarity },
		Column: column{Name: "similarity", Aliases: []string{"clip_l14_similarity_score", "clip_b32_similarity_score"}, Optional: true}},
	{At: func(r *Row) any { return &r.Key }, Null: true,
		Column: column{Name: "key", Optional: true, Common: true, AsText: true}},
	{At: func(r *Row) any { return &r.Label }, Null: true,
		Column: column{Name: "label", Optional: true, Dict: true, Common: true}},
	{At: func(r *Row) any { return &r.Truth }, Null: true,
		Column: column{Name: "truth", Optional: true, Common: true}},
	{At: func(r *Row) any { return &r.Language },
		Column: column{Name: "LANGUAGE", Aliases: []string{"language"}, Optional: true, Dict: true}},
	{At: func(r *Row) any { return &r.Unsafe }, Column: column{Name: "punsafe", Optional: true}},
	{At: func(r *Row) any { return &r.Watermark },
		Column: column{Name: "pwatermark", Optional: true}},
	{At: func(r *Row) any { return &r.Aesthetic },
		Column: column{Name: "aesthetic", Aliases: []string{"AESTHETIC_SCORE", "aesthetic_score"}, Optional: true}},
	{At: func(r *Row) any { return &r.Status },
		Column: column{Name: "status", Optional: true, Dict: true, Common: true}},
}

var all = columns.Of(fields)

// Places in fields: LAION-400M's columns are those before colKey, ours those from there to
// colTruth.
const colURL, colText, colSimilarity, colKey, colTruth = 1, 2, 7, 8, 10

// Batch is some successive rows of one file. It owns its memory: a kept string
// stays valid, and keeps the strings around it in memory.
type Batch struct {
	File    string // that the rows are from
	FileRow int64  // row in File of Rows[0]
	Rows    []Row  // columns that were not asked for are empty
}

// Columns is what Batch is, column by column: half the cost of Rows where a
// scan needs few columns.
type Columns struct {
	Start   int64  // Index of the first row
	File    string // that the rows are from
	FileRow int64  // row in File of the first
	Len     int

	cols []*columns.Vector // as fields; nil for one that was not asked for
	bad  []bool            // nil when no row is bad
}

// URLs has one value a row, "" when null.
func (c *Columns) URLs() []string { return c.cols[colURL].Strings }

// Texts are the captions, "" when null.
func (c *Columns) Texts() []string { return c.cols[colText].Strings }

// Bad says whether row i is to be skipped; its strings are not for use.
func (c *Columns) Bad(i int) bool { return c.bad != nil && c.bad[i] }

// Row collects row i.
func (c *Columns) Row(i int, row *Row) {
	columns.Scan(fields, c.cols, i, row)
	row.Index, row.Bad = c.Start+int64(i), c.Bad(i)
}

// Downloaded is false where the row's own status says that its image is not there:
// img2dataset's failed_to_download and failed_to_resize. Others have columns of that name
// with other words.
func (r *Row) Downloaded() bool { return !strings.HasPrefix(r.Status, "failed_") }

// check finds bad rows and tells report the first reason of each; nullText lets null
// captions pass.
func (c *Columns) check(nullText bool, report func(i int, why string) error) error {
	mark := func(i int, why string) error {
		if c.bad == nil {
			c.bad = make([]bool, c.Len)
		}
		if c.bad[i] {
			return nil
		}
		c.bad[i] = true
		return report(i, why)
	}
	for place := range c.cols {
		col := (place + colText) % len(c.cols) // what is wrong with the caption is told first
		v := c.cols[col]
		if v == nil {
			continue
		}
		for i, s := range v.Strings {
			var err error
			if !valid(s) {
				err = mark(i, all[col].Name+" is not UTF-8")
			} else if col == colText && v.IsNull(i) && !nullText {
				err = mark(i, "TEXT is null")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// valid is utf8.ValidString for text with a foreign character here and there:
// it goes back to eight bytes a step behind each, and takes the last few bytes
// of a longer string at once.
func valid(s string) bool {
	const high = 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for i := 0; ; {
		for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:])&high == 0 {
			i += 8
		}
		if i+8 > len(b) {
			if len(b) >= 8 && binary.LittleEndian.Uint64(b[len(b)-8:])&high == 0 {
				return true
			}
			return utf8.Valid(b[i:])
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		i += n
	}
}

// cleanSimilarity sets values that are no similarity to NaN and counts them.
func (c *Columns) cleanSimilarity() (cleaned int64) {
	v := c.cols[colSimilarity]
	if v == nil {
		return 0
	}
	for i, s := range v.Floats {
		if !(s >= -1 && s <= 1) {
			v.Floats[i] = math.NaN()
			if !v.IsNull(i) {
				cleaned++
			}
		}
	}
	return cleaned
}
