package pools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"react/data/columns"
	"react/data/embeddings"
	"react/data/glob"
	"react/data/pool"
	"react/ops/op"
)

// metadataOf are the parquet files that say what a pool's rows are.
func metadataOf(run *op.Run) (pool.Source, error) {
	if f, ok := run.Files["embeddings"]; ok {
		names, err := glob.In(f.Root, "metadata/*.parquet")
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("folder %s: no metadata/*.parquet to filter by", f.Root)
		}
		return pool.Source{Metadata: names, Folder: true}, err
	}
	files, err := FilesOf(run)
	return pool.Source{Metadata: files.laion, Images: files.Shards}, err
}

// Alive is the rows that the filter leaves, and whether they are numbered as the embeddings are;
// nil without a filter.
func Alive(run *op.Run) (rows *pool.Rows, ofFolder bool, err error) {
	dir, ok := run.In["filter"]
	if !ok {
		return nil, false, nil
	}
	man, err := pool.Read(dir)
	if err != nil {
		return nil, false, err
	}
	rows, err = pool.ReadAlive(dir)
	return rows, man.Numbering == "embeddings", err
}

// AliveIn is the rows of a folder of embeddings that the filter leaves; nil without a filter.
func AliveIn(ctx context.Context, run *op.Run, folder *embeddings.Folder) (*pool.Rows, error) {
	rows, ofFolder, err := Alive(run)
	if err != nil || rows == nil {
		return nil, err
	}
	if ofFolder {
		if rows.Len() != folder.Rows() {
			return nil, fmt.Errorf("the filter saw %d rows, the folder of embeddings has %d", rows.Len(), folder.Rows())
		}
		return rows, nil
	}
	out := pool.NewRows(folder.Rows())
	err = EachMeta(ctx, folder, func(i int64, meta embeddings.Meta) error {
		if meta.Row < 0 || meta.Row >= rows.Len() {
			return fmt.Errorf("embedding %d is of row %d of the pool, the filter saw %d rows", i, meta.Row, rows.Len())
		}
		if rows.Has(meta.Row) {
			out.Add(i)
		}
		return nil
	})
	if err == nil && out.Count() == 0 {
		err = fmt.Errorf("no row that the filter leaves (%d of %d) has an embedding", rows.Count(), rows.Len())
	}
	return out, err
}

// EachMeta streams a folder's metadata in row order.
func EachMeta(ctx context.Context, folder *embeddings.Folder, fn func(i int64, row embeddings.Meta) error) error {
	reader, err := folder.Meta(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	for i := int64(0); ; i++ {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(i, row); err != nil {
			return err
		}
	}
}

// stateColumns are what img2dataset says of an address.
var stateColumns = []columns.Column{{Name: "url", Optional: true}, {Name: "status", Optional: true}, {Name: "error_message", Optional: true}}

// FetchStates tells what became of addresses: img2dataset, and fetch here, leave it beside each
// shard. A shard without such a file, or one without a status, says nothing.
func FetchStates(shards []string, fn func(url, status, message string)) error {
	for _, shard := range shards {
		if err := readStates(strings.TrimSuffix(shard, ".tar")+".parquet", fn); err != nil {
			return err
		}
	}
	return nil
}

func readStates(path string, fn func(url, status, message string)) error {
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
