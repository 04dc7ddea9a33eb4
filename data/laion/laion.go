// Package laion reads and writes metadata in the format of LAION-400M: parquet
// files of URL, TEXT and some columns about them, one row an image.
//
// It reads the columns asked for, batch by batch, checks captions, and numbers
// rows. It fetches nothing and knows nothing of images: package shards has
// those, joined by key. Beside LAION's columns it knows three optional ones of
// ours: key (the sample in the tars), label (the class, where known) and truth
// (the caption that would be right).
//
// A row's Index is its place in the pool: files in lexicographic order of their
// names, rows as they are in each file, from 0. The row in messages is the row
// in its file, from 0 too. A bad row is one whose caption is null or not UTF-8,
// or one of whose strings is not UTF-8; it keeps its Index.
package laion

import (
	"math"
	"unicode/utf8"

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
}

// Columns in the order of the format; ours come last.
var all = []columns.Column{
	{Name: "SAMPLE_ID", Kind: columns.Int, Optional: true},
	{Name: "URL", Kind: columns.String},
	{Name: "TEXT", Kind: columns.String},
	{Name: "HEIGHT", Kind: columns.Int, Optional: true, Narrow: true},
	{Name: "WIDTH", Kind: columns.Int, Optional: true, Narrow: true},
	{Name: "LICENSE", Kind: columns.String, Optional: true, Dict: true},
	{Name: "NSFW", Kind: columns.String, Optional: true, Dict: true},
	{Name: "similarity", Kind: columns.Float, Optional: true},
	{Name: "key", Kind: columns.String, Optional: true},
	{Name: "label", Kind: columns.String, Optional: true, Dict: true},
	{Name: "truth", Kind: columns.String, Optional: true},
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
	numColumns
)

// Batch is some successive rows of one file. It owns its memory: a kept string
// stays valid, and keeps the strings around it in memory.
type Batch struct {
	Start   int64  // Index of row 0 of the batch
	File    string // that the rows are from
	FileRow int64  // row in File of row 0 of the batch

	n    int
	cols [numColumns]*columns.Vector
	bad  []bool // nil when no row is bad
}

// Len is the number of rows.
func (b *Batch) Len() int { return b.n }

// URL is that of row i, "" when null.
func (b *Batch) URL(i int) string { return b.cols[colURL].String(i) }

// Text is the caption of row i, "" when null.
func (b *Batch) Text(i int) string { return b.cols[colText].String(i) }

// Key is that of row i, "" when null or absent.
func (b *Batch) Key(i int) string { return b.cols[colKey].String(i) }

// Label is that of row i, "" when null or absent.
func (b *Batch) Label(i int) string { return b.cols[colLabel].String(i) }

// Truth is the right caption of row i, "" when null or absent.
func (b *Batch) Truth(i int) string { return b.cols[colTruth].String(i) }

// Bad says whether row i is to be skipped; its strings are not for use.
func (b *Batch) Bad(i int) bool { return b.bad != nil && b.bad[i] }

// Similarity is that of row i, NaN when null, absent, or out of [-1, 1].
func (b *Batch) Similarity(i int) float64 {
	if v := b.cols[colSimilarity]; v != nil {
		return v.Floats[i]
	}
	return math.NaN()
}

// Row collects row i; columns that were not asked for are empty.
func (b *Batch) Row(i int) Row {
	return Row{
		Index: b.Start + int64(i), URL: b.URL(i), Text: b.Text(i), Key: b.Key(i), Label: b.Label(i), Truth: b.Truth(i),
		Width: clamp(b.cols[colWidth].Int(i)), Height: clamp(b.cols[colHeight].Int(i)),
		License: b.cols[colLicense].String(i), NSFW: b.cols[colNSFW].String(i),
		Similarity: b.Similarity(i), Bad: b.Bad(i),
	}
}

// clamp keeps sizes that drifted to other types in range.
func clamp(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// check finds bad rows and returns the first reason for each through report.
func (b *Batch) check(report func(i int, why string) error) error {
	mark := func(i int, why string) error {
		if b.bad == nil {
			b.bad = make([]bool, b.n)
		}
		if b.bad[i] {
			return nil
		}
		b.bad[i] = true
		return report(i, why)
	}
	for _, c := range []int{colText, colURL, colKey, colLabel, colTruth, colLicense, colNSFW} {
		v := b.cols[c]
		if v == nil {
			continue
		}
		for i, s := range v.Strings {
			var err error
			if !utf8.ValidString(s) {
				err = mark(i, all[c].Name+" is not UTF-8")
			} else if c == colText && v.IsNull(i) {
				err = mark(i, "TEXT is null")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// cleanSimilarity sets values that are no similarity to NaN and counts them.
func (b *Batch) cleanSimilarity() (cleaned int64) {
	v := b.cols[colSimilarity]
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
