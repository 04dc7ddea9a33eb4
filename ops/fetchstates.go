package ops

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/parquet-go/parquet-go"
)

// fetchState is what img2dataset says of an address.
type fetchState struct {
	URL     string  `parquet:"url,optional"`
	Status  string  `parquet:"status,optional"`
	Message *string `parquet:"error_message,optional"`
}

// readStates goes through the parquet file beside a shard. One that is not there, or has no status, says nothing.
func readStates(path string, fn func(url, status, message string)) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	for _, column := range []string{"url", "status"} {
		if _, ok := file.Schema().Lookup(column); !ok {
			return nil
		}
	}
	reader := parquet.NewGenericReader[fetchState](file)
	defer reader.Close()
	states := make([]fetchState, 1024)
	for {
		n, err := reader.Read(states)
		for _, s := range states[:n] {
			message := ""
			if s.Message != nil {
				message = *s.Message
			}
			fn(s.URL, s.Status, message)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
}
