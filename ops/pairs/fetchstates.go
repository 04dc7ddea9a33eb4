package pairs

import (
	"errors"
	"io"
	"io/fs"

	"react/data/columns"
)

// stateColumns are what img2dataset says of an address.
var stateColumns = []columns.Column{{Name: "url", Optional: true}, {Name: "status", Optional: true}, {Name: "error_message", Optional: true}}

// ReadStates goes through the parquet file beside a shard. One that is not there, or has no status, says nothing.
func ReadStates(path string, fn func(url, status, message string)) error {
	f, err := columns.Open(path, stateColumns)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Source(0) == "" || f.Source(1) == "" {
		return nil
	}
	for {
		b, err := f.Next(4096)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Len {
			fn(b.Cols[0].String(i), b.Cols[1].String(i), b.Cols[2].String(i))
		}
	}
}
