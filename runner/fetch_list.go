package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/fetch"
	"react/data/laion"
)

// listKinds are the files of addresses that fetch reads, by the end of their names.
var listKinds = map[string]func(name string) iter.Seq2[fetch.Item, error]{".parquet": parquetItems, ".txt": textItems, ".csv": tableItems(','), ".tsv": tableItems('\t')}

// listItems opens a list; not ok where the name is no list's.
func listItems(name string) (items iter.Seq2[fetch.Item, error], ok bool, err error) {
	read, ok := listKinds[strings.ToLower(filepath.Ext(name))]
	if !ok {
		return nil, false, nil
	}
	if _, err := os.Stat(name); err != nil {
		return nil, true, err
	}
	return read(name), true, nil
}

// parquetItems reads a parquet file of addresses and captions; rows that cannot be read are passed over.
func parquetItems(name string) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		reader, err := laion.Open([]string{name}, laion.Options{Columns: []string{}, MaxBad: 1 << 40})
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
				if !batch.Bad(i) && url != "" && !yield(fetch.Item{URL: url, Caption: texts[i]}, nil) {
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
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			url := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
			if url != "" && !yield(fetch.Item{URL: url}, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(fetch.Item{}, fmt.Errorf("file %s: %w", name, err))
		}
	}
}

// tableItems reads columns whose first row names them: url or URL, and caption,
// text or TEXT where there is one.
func tableItems(comma rune) func(name string) iter.Seq2[fetch.Item, error] {
	return func(name string) iter.Seq2[fetch.Item, error] {
		return func(yield func(fetch.Item, error) bool) {
			file, err := os.Open(name)
			if err == nil {
				defer file.Close()
				err = readTable(file, comma, func(item fetch.Item) bool { return yield(item, nil) })
			}
			if err != nil {
				yield(fetch.Item{}, fmt.Errorf("file %s: %w", name, err))
			}
		}
	}
}

func readTable(file io.Reader, comma rune, yield func(fetch.Item) bool) error {
	reader := csv.NewReader(bufio.NewReaderSize(file, 1<<18))
	reader.Comma, reader.LazyQuotes, reader.ReuseRecord = comma, comma == '\t', true
	head, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("is empty: the first row names the columns url and caption")
	}
	if err != nil {
		return err
	}
	column := func(names ...string) int {
		return slices.IndexFunc(head, func(h string) bool {
			return slices.Contains(names, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))))
		})
	}
	url, caption := column("url"), column("caption", "text")
	if url < 0 {
		return fmt.Errorf("no column url in the first row (it has %s)", strings.Join(head, ", "))
	}
	for {
		row, err := reader.Read()
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
		if item.URL != "" && !yield(item) {
			return nil
		}
	}
}
