// Package list reads lists of addresses and captions, parquet files, tables and plain text, as
// items that package fetch fetches.
package list

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"react/data/delimited"
	"react/data/fetch"
	"react/data/glob"
	"react/data/laion"
)

// kinds are the files that are read, by the end of their names.
var kinds = map[string]func(name string) iter.Seq2[fetch.Item, error]{
	".parquet": parquetItems, ".txt": textItems, ".csv": tableItems, ".tsv": tableItems}

// Open opens the lists of a pattern, one after the other; not ok where it is no list's.
func Open(pattern string) (items iter.Seq2[fetch.Item, error], ok bool, err error) {
	read, ok := kinds[strings.ToLower(filepath.Ext(pattern))]
	if !ok {
		return nil, false, nil
	}
	names, err := glob.Files(pattern)
	if err != nil {
		return nil, true, err
	}
	return func(yield func(fetch.Item, error) bool) {
		for _, name := range names {
			for item, err := range read(name) {
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}, true, nil
}

// parquetItems reads a parquet file of addresses and captions; a caption that is null is
// empty.
func parquetItems(name string) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		opts := laion.Options{Columns: []string{}, NullText: true, MaxBad: 1 << 40}
		reader, err := laion.Open([]string{name}, opts)
		if err != nil {
			yield(fetch.Item{}, err)
			return
		}
		defer reader.Close()
		for {
			batch, err := reader.NextColumns()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(fetch.Item{}, err)
				return
			}
			texts := batch.Texts()
			for i, url := range batch.URLs() {
				if !yield(fetch.Item{URL: strings.TrimSpace(url), Caption: texts[i]}, nil) {
					return
				}
			}
		}
	}
}

// textItems reads an address a line, without captions.
func textItems(name string) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		file, err := os.Open(name)
		if err != nil {
			yield(fetch.Item{}, err)
			return
		}
		defer file.Close()
		err = delimited.Lines(file, func(line string) bool {
			url := strings.TrimSpace(line)
			return url == "" || yield(fetch.Item{URL: url}, nil)
		})
		if err != nil {
			yield(fetch.Item{}, fmt.Errorf("file %s: %w", name, err))
		}
	}
}

// tableItems reads a .csv or .tsv with the columns url and, where there is one, caption or
// text, letter case aside.
func tableItems(name string) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		file, err := os.Open(name)
		if err == nil {
			defer file.Close()
			err = readTable(file, filepath.Ext(name), func(item fetch.Item) bool { return yield(item, nil) })
		}
		if err != nil {
			yield(fetch.Item{}, fmt.Errorf("file %s: %w", name, err))
		}
	}
}

func readTable(file io.Reader, ext string, yield func(fetch.Item) bool) error {
	table, err := delimited.NewReader(file, ext)
	if err != nil {
		return err
	}
	url, err := table.Column("url")
	if err != nil {
		return err
	}
	caption, err := table.Column("caption", "text")
	if err != nil {
		return err
	}
	if url < 0 {
		return noAddressColumn(table.Head)
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		item := fetch.Item{URL: strings.TrimSpace(row[url])}
		if caption >= 0 {
			item.Caption = row[caption]
		}
		if !yield(item) {
			return nil
		}
	}
}

// noAddressColumn tells a list without names, as Conceptual Captions comes, from one with
// other names.
func noAddressColumn(head []string) error {
	for i, cell := range head {
		if strings.Contains(cell, "://") {
			return fmt.Errorf("the first row is no names of columns (cell %d is an address): "+
				"put one before it, such as caption and url", i+1)
		}
	}
	return fmt.Errorf("no column url in the first row (it has %s)", strings.Join(head, ", "))
}

// LeftOut counts rows of a list that are not fetched as they stand.
type LeftOut struct {
	NoAddress int
	NotText   int // not UTF-8; what is no letter of it is replaced
}

// WithAddress passes on the items that have an address and counts the others.
func (l *LeftOut) WithAddress(items iter.Seq2[fetch.Item, error]) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		*l = LeftOut{}
		for item, err := range items {
			switch {
			case err != nil:
			case item.URL == "":
				l.NoAddress++
				continue
			case !utf8.ValidString(item.URL) || !utf8.ValidString(item.Caption):
				l.NotText++
			}
			if !yield(item, err) {
				return
			}
		}
	}
}
