package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
	"github.com/twmb/murmur3"

	"react/data/columns"
	"react/data/glob"
	"react/data/jsonfile"
	"react/data/wholefile"
)

// stateDir holds what is ours; img2dataset looks for *.json and *.tar beside it.
const stateDir = "_fetch"

// settings are what a folder keeps from its first run.
type settings struct {
	Format   int   `json:"format"`
	PerShard int   `json:"perShard"`
	Shape    Shape `json:"shape"`
}

// settingsFormat is the version of the folder's state.
//
//	1: settings.json, list/N.parquet, spool/N.spool
const settingsFormat = 1

// folder is an output folder. One process has it at a time.
type folder struct {
	dir      string
	settings settings
	lock     *flock.Flock
}

func openFolder(opts Options) (*folder, error) {
	f := &folder{dir: opts.Dir, settings: settings{settingsFormat, opts.PerShard, opts.Shape}}
	for _, sub := range []string{"list", "spool", "tmp"} {
		if err := os.MkdirAll(f.state(sub), 0o777); err != nil {
			return nil, err
		}
	}
	f.lock = flock.New(f.state("lock"))
	if ok, err := f.lock.TryLock(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("folder %s: another process fetches into it", opts.Dir))
	}
	if err := f.settle(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) close() { f.lock.Unlock() }

func (f *folder) state(elem ...string) string {
	return filepath.Join(append([]string{f.dir, stateDir}, elem...)...)
}

// settle reads the settings, or writes them the first time.
func (f *folder) settle() error {
	name := f.state("settings.json")
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if tars, err := glob.In(f.dir, "*.tar"); err != nil {
			return err
		} else if len(tars) > 0 {
			return fmt.Errorf("folder %s: has tars that are not from here: name an empty folder", f.dir)
		}
		if data, err = json.MarshalIndent(f.settings, "", "\t"); err == nil {
			err = writeWhole(f.state("tmp", "settings.json"), name, data)
		}
		return err
	}
	if err != nil {
		return err
	}
	var old settings
	if err := jsonfile.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	old.Shape = old.Shape.WithDefaults()
	if old != f.settings {
		return fmt.Errorf("folder %s: began with %s, this is %s: the same settings, or another folder", f.dir, old, f.settings)
	}
	return nil
}

// String is the settings as the flags have them.
func (s settings) String() string {
	return fmt.Sprintf("%d a shard, %s", s.PerShard, s.Shape)
}

// writeWhole writes a file in the folder for what is not whole yet, and then gives it its name.
func writeWhole(tmp, name string, data []byte) error {
	if err := os.WriteFile(tmp, data, 0o666); err != nil {
		return err
	}
	return wholefile.Publish(tmp, name)
}

// Names of shard i's files.
func (f *folder) shard(i int) string    { return filepath.Join(f.dir, fmt.Sprintf("%05d", i)) }
func (f *folder) list(i int) string     { return f.state("list", fmt.Sprintf("%05d.parquet", i)) }
func (f *folder) spool(i int) string    { return f.state("spool", fmt.Sprintf("%05d.spool", i)) }
func (f *folder) tmp(ext string) string { return f.state("tmp", ext) }

// isDone: a spool means that the shard is being filled, or filled again.
func (f *folder) isDone(i int) bool {
	_, err := os.Stat(f.shard(i) + "_stats.json")
	_, open := os.Stat(f.spool(i))
	return err == nil && open != nil
}

// shards lists the shards that have a list, in order.
func (f *folder) shards() ([]int, error) {
	entries, err := os.ReadDir(f.state("list"))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, e := range entries {
		if stem, ok := strings.CutSuffix(e.Name(), ".parquet"); ok {
			i, err := strconv.Atoi(stem)
			if err != nil {
				return nil, fmt.Errorf("file %s: its name is no number", f.state("list", e.Name()))
			}
			all = append(all, i)
		}
	}
	slices.Sort(all)
	return all, nil
}

type column = columns.Column

var listFields = []columns.Field[Item]{
	{Column: column{Name: "url"}, At: func(i *Item) any { return &i.URL }},
	{Column: column{Name: "caption"}, At: func(i *Item) any { return &i.Caption }},
}

func (f *folder) listRows(i int) (int, error) {
	file, err := columns.Open(f.list(i), columns.Of(listFields))
	if err != nil {
		return 0, err
	}
	return int(file.NumRows()), file.Close()
}

// readList gives the items of a shard.
func (f *folder) readList(i int) ([]Item, error) {
	var items []Item
	err := columns.EachRow(f.list(i), listFields, func(item *Item) { items = append(items, *item) })
	return items, err
}

// hash tells items apart: 64 bits, so that a list of ten million takes 80 MB and
// has two that are taken for one with a chance of 3 in a million.
func (i Item) hash() uint64 {
	h := murmur3.New64()
	io.WriteString(h, i.URL)
	h.Write([]byte{0})
	io.WriteString(h, i.Caption)
	return h.Sum64()
}

// add appends the items that the folder has not had, each once, as new shards.
func (f *folder) add(ctx context.Context, items iter.Seq2[Item, error]) error {
	have, err := f.shards()
	if err != nil {
		return err
	}
	known := map[uint64]struct{}{}
	next := 0
	for _, i := range have {
		old, err := f.readList(i)
		if err != nil {
			return err
		}
		for _, item := range old {
			known[item.hash()] = struct{}{}
		}
		next = i + 1
	}
	var fresh []Item
	for item, err := range items {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		// or no tar takes them
		item = Item{strings.ToValidUTF8(item.URL, "\ufffd"), strings.ToValidUTF8(item.Caption, "\ufffd")}
		if _, ok := known[item.hash()]; ok {
			continue
		}
		known[item.hash()] = struct{}{}
		if fresh = append(fresh, item); len(fresh) < f.settings.PerShard {
			continue
		}
		if err := f.writeList(next, fresh); err != nil {
			return err
		}
		next, fresh = next+1, fresh[:0]
	}
	if len(fresh) == 0 {
		return nil
	}
	return f.writeList(next, fresh)
}

func (f *folder) writeList(i int, items []Item) error {
	tmp := f.tmp("list.parquet")
	if err := columns.WriteFile(tmp, listFields, items); err != nil {
		return err
	}
	return wholefile.Publish(tmp, f.list(i))
}
