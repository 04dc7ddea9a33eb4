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

// Columns in the order of the format; ours come after LAION-400M's, then what
// later subsets add. Aliases are the names in LAION-5B's re-exports, DataComp's
// metadata and img2dataset's output, whose width is that of the resized image.
var all = []columns.Column{
	{Name: "SAMPLE_ID", Kind: columns.Int, Optional: true},
	{Name: "URL", Kind: columns.String, Aliases: []string{"url"}},
	{Name: "TEXT", Kind: columns.String, Aliases: []string{"caption", "text"}},
	{Name: "HEIGHT", Aliases: []string{"original_height", "height"}, Kind: columns.Int, Optional: true, Narrow: true},
	{Name: "WIDTH", Aliases: []string{"original_width", "width"}, Kind: columns.Int, Optional: true, Narrow: true},
	{Name: "LICENSE", Aliases: []string{"license"}, Kind: columns.String, Optional: true, Dict: true},
	{Name: "NSFW", Aliases: []string{"nsfw"}, Kind: columns.String, Optional: true, Dict: true},
	{Name: "similarity", Aliases: []string{"clip_l14_similarity_score", "clip_b32_similarity_score"}, Kind: columns.Float, Optional: true},
	{Name: "key", Kind: columns.String, Optional: true, Common: true, AsText: true},
	{Name: "label", Kind: columns.String, Optional: true, Dict: true, Common: true},
	{Name: "truth", Kind: columns.String, Optional: true, Common: true},
	{Name: "LANGUAGE", Aliases: []string{"language"}, Kind: columns.String, Optional: true, Dict: true},
	{Name: "punsafe", Kind: columns.Float, Optional: true},
	{Name: "pwatermark", Kind: columns.Float, Optional: true},
	{Name: "aesthetic", Aliases: []string{"AESTHETIC_SCORE", "aesthetic_score"}, Kind: columns.Float, Optional: true},
	{Name: "status", Kind: columns.String, Optional: true, Dict: true, Common: true},
}

// Places of the columns in all.
const (
	colSampleID = iota
	colURL
	colText
	colHeight
	colWidth
	colLicense
	colNSFW
	colSimilarity
	colKey
	colLabel
	colTruth
	colLanguage
	colUnsafe
	colWatermark
	colAesthetic
	colStatus
	numColumns
)

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

	cols [numColumns]*columns.Vector
	bad  []bool // nil when no row is bad
}

// URLs has one value a row, "" when null.
func (c *Columns) URLs() []string { return c.cols[colURL].Strings }

// Texts are the captions, "" when null.
func (c *Columns) Texts() []string { return c.cols[colText].Strings }

// Bad says whether row i is to be skipped; its strings are not for use.
func (c *Columns) Bad(i int) bool { return c.bad != nil && c.bad[i] }

// Row collects row i.
func (c *Columns) Row(i int) Row {
	row := Row{
		Index: c.Start + int64(i), URL: c.cols[colURL].String(i), Text: c.cols[colText].String(i),
		Key: c.cols[colKey].String(i), Label: c.cols[colLabel].String(i), Truth: c.cols[colTruth].String(i),
		Width: clamp(c.cols[colWidth].Int(i)), Height: clamp(c.cols[colHeight].Int(i)),
		License: c.cols[colLicense].String(i), NSFW: c.cols[colNSFW].String(i),
		Similarity: c.float(colSimilarity, i), Bad: c.Bad(i), Language: c.cols[colLanguage].String(i),
		Status: c.cols[colStatus].String(i),
		Unsafe: c.float(colUnsafe, i), Watermark: c.float(colWatermark, i), Aesthetic: c.float(colAesthetic, i),
	}
	return row
}

// float is value i of a column of numbers, NaN when null or absent.
func (c *Columns) float(col, i int) float64 {
	if v := c.cols[col]; v != nil {
		return v.Floats[i]
	}
	return math.NaN()
}

// Downloaded is false where the row's own status says that its image is not there:
// img2dataset's failed_to_download and failed_to_resize. Others have columns of that name
// with other words.
func (r *Row) Downloaded() bool { return !strings.HasPrefix(r.Status, "failed_") }

// clamp keeps sizes that drifted to other types in range.
func clamp(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

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
	for _, col := range []int{colText, colURL, colKey, colLabel, colTruth, colLicense, colNSFW, colLanguage, colStatus} {
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
