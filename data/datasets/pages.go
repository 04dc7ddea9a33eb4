package datasets

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// eachPage gives the values of each page of a column.
func eachPage(pages parquet.Pages, fn func([]parquet.Value) error) error {
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		values := make([]parquet.Value, page.NumValues())
		n, err := readValues(page.Values(), values)
		if err == nil {
			err = fn(values[:n])
		}
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// readValues fills values as far as the reader has any.
func readValues(r parquet.ValueReader, values []parquet.Value) (int, error) {
	total := 0
	for total < len(values) {
		n, err := r.ReadValues(values[total:])
		total += n
		if err == io.EOF || n == 0 {
			break
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
