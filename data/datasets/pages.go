package datasets

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// What a parquet file says of itself is not believed beyond these: a few bytes of a
// dictionary or of run lengths can stand for gigabytes.
const (
	maxSetRows    = 1 << 25 // images of a file; ImageNet-21k has 14 million
	maxPageValues = 1 << 22 // of a page
	maxPageBytes  = 1 << 30 // of a page's images
	maxKept       = 1 << 30 // of the pages that are kept, of all files of a set
)

// decoding is held while a page is decoded: it may be of gigabytes before its
// values can be counted, and one at a time of all sets is enough.
var decoding sync.Mutex

// pageValues gives the values of a page, which must be released after their use.
func pageValues(page parquet.Page) ([]parquet.Value, error) {
	if n := page.NumValues(); n < 0 || n > maxPageValues {
		return nil, fmt.Errorf("a page of %d values, over %d", n, maxPageValues)
	}
	values := make([]parquet.Value, page.NumValues())
	n, err := readValues(page.Values(), values)
	return values[:n], err
}

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
		values, err := pageValues(page)
		if err == nil {
			err = fn(values)
		}
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// pageImages are copies of the images of the page that holds a row, the first of
// which is that row's.
func pageImages(chunk parquet.ColumnChunk, row int) (images [][]byte, size int64, err error) {
	decoding.Lock()
	defer decoding.Unlock()
	pages := chunk.Pages()
	defer pages.Close()
	if err := pages.SeekToRow(int64(row)); err != nil {
		return nil, 0, err
	}
	page, err := pages.ReadPage()
	if err != nil {
		return nil, 0, err
	}
	defer parquet.Release(page)
	values, err := pageValues(page)
	if err != nil {
		return nil, 0, err
	}
	for _, v := range values {
		if size += int64(len(v.ByteArray())); size > maxPageBytes {
			return nil, 0, fmt.Errorf("a page of over %d MiB of images", maxPageBytes>>20)
		}
	}
	for _, v := range values {
		images = append(images, slices.Clone(v.ByteArray()))
	}
	if len(images) == 0 {
		err = errors.New("an empty page")
	}
	return images, size, err
}

// keptPages bounds what the row groups of a set keep.
type keptPages struct {
	limit int64 // bytes

	mu   sync.Mutex
	size int64
	of   []*imageGroup // that keep a page, the oldest first
}

// keep notes that a group, which is locked, has a page of a size, and takes the
// oldest pages from others while there is too much. One that is in use stays.
func (k *keptPages) keep(g *imageGroup, size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.size += size - g.size
	g.size = size
	k.of = append(slices.DeleteFunc(k.of, func(other *imageGroup) bool { return other == g }), g)
	k.of = slices.DeleteFunc(k.of, func(other *imageGroup) bool {
		if k.size <= k.limit || other == g || !other.mu.TryLock() {
			return false
		}
		defer other.mu.Unlock()
		k.size -= other.size
		other.images, other.size = nil, 0
		return true
	})
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
