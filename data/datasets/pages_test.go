package datasets

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// hubRow is an image as the Hugging Face hub has it; the same bytes are written once.
type hubRow struct {
	Image []byte `parquet:"image,dict,zstd"`
	Label int32  `parquet:"label"`
}

// hubSet writes a test split in row groups of one class after the other.
func hubSet(t *testing.T, groups ...[]hubRow) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "test-00000-of-00001.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := parquet.NewGenericWriter[hubRow](f, parquet.KeyValueMetadata("huggingface",
		`{"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}`))
	for _, rows := range groups {
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func hubRows(n int, image []byte) []hubRow {
	rows := make([]hubRow, n)
	for i := range rows {
		rows[i] = hubRow{image, int32(i % 2)}
	}
	return rows
}

// TestPageOfGigabytes: one image of 2 MB that stands for 1,000 rows is an error that names file and
// column, not the end of the process.
func TestPageOfGigabytes(t *testing.T) {
	dir := hubSet(t, hubRows(1000, bytes.Repeat([]byte("x"), 2<<20)))
	if info, err := os.Stat(filepath.Join(dir, "test-00000-of-00001.parquet")); err != nil || info.Size() > 20<<20 {
		t.Fatalf("the file is no bomb: %v, %v", info.Size(), err)
	}
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	want := "test-00000-of-00001.parquet: column image: row 5 of its row group: a page of over 1024 MiB of images"
	if _, err := set.Read(5); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestKeptPagesAreBounded: what a set keeps of its row groups does not grow with them, and every
// image can still be read.
func TestKeptPagesAreBounded(t *testing.T) {
	const each, limit = 200 << 10, 1 << 20
	var groups [][]hubRow
	for i := range 8 {
		groups = append(groups, hubRows(2, bytes.Repeat([]byte{byte(i)}, each/2)))
	}
	set, err := Open(hubSet(t, groups...))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	kept := &set.images.(*parquetImages).kept
	if kept.limit != maxKept {
		t.Errorf("the limit is %d, want %d", kept.limit, maxKept)
	}
	kept.limit = limit
	for _, i := range []int{0, 3, 5, 7, 9, 11, 13, 15, 1, 14} {
		raw, err := set.Read(i)
		if err != nil || len(raw) != each/2 || raw[0] != byte(i/2) {
			t.Fatalf("image %d: %d bytes, %v", i, len(raw), err)
		}
		if kept.size > limit {
			t.Errorf("after image %d: %d bytes are kept", i, kept.size)
		}
	}
	total := int64(0)
	for _, g := range set.images.(*parquetImages).groups {
		for _, image := range g.images {
			total += int64(len(image))
		}
	}
	if total != kept.size || total > limit {
		t.Errorf("%d bytes are kept and %d are counted, of at most %d", total, kept.size, limit)
	}
}
