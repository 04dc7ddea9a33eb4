package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"react/data/columns"
	"react/data/shards"
	"react/data/wholefile"
)

// openShard is a shard that is being filled.
type openShard struct {
	folder   *folder
	number   int
	items    []Item
	started  time.Time
	whenDone func()

	mu      sync.Mutex
	spool   *spool
	answers []*answer // by item; nil without
	images  []placed
	left    int // jobs without answer
}

// open reads a shard's list, and what was fetched of it, which is told to seen.
func (f *folder) open(i int, seen func(answer)) (*openShard, error) {
	items, err := f.readList(i)
	if err != nil {
		return nil, err
	}
	s := &openShard{folder: f, number: i, items: items, started: time.Now(), answers: make([]*answer, len(items)), images: make([]placed, len(items))}
	s.spool, err = openSpool(f.spool(i), func(rec spooled, at placed) error {
		for _, item := range rec.Items {
			if item < 0 || item >= len(items) || s.answers[item] != nil {
				return fmt.Errorf("item %d of %d, or for the second time: the spool is of another list", item, len(items))
			}
			seen(rec.Answer)
		}
		s.keep(rec, at)
		return nil
	})
	return s, err
}

// keep notes an answer for its items.
func (s *openShard) keep(rec spooled, at placed) {
	a := rec.Answer
	for _, item := range rec.Items {
		s.answers[item], s.images[item] = &a, at
	}
}

// jobs are what has no answer: addresses, each with the items that want it.
func (s *openShard) jobs() []*job {
	byURL := map[string]*job{}
	var jobs []*job
	for i, item := range s.items {
		if s.answers[i] != nil {
			continue
		}
		j := byURL[item.URL]
		if j == nil {
			j = &job{url: item.URL, shard: s}
			byURL[item.URL] = j
			jobs = append(jobs, j)
		}
		j.items = append(j.items, i)
	}
	s.left = len(jobs)
	return jobs
}

// record writes an answer to the spool.
func (s *openShard) record(j *job, a answer, image []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Fetched = time.Now().Unix()
	rec := spooled{Items: j.items, Answer: a}
	at, err := s.spool.put(rec, image)
	if err == nil {
		s.keep(rec, at)
	}
	return err
}

// settle finishes the shard behind its last answer.
func (s *openShard) settle() {
	s.mu.Lock()
	s.left--
	last := s.left == 0
	s.mu.Unlock()
	if last {
		s.whenDone()
	}
}

// key is img2dataset's: the shard's number, then the item's, in as many digits as
// the folder's shards need.
func (f *folder) key(shard, item int) string {
	digits := int(math.Ceil(math.Log10(float64(f.settings.PerShard))))
	return fmt.Sprintf("%05d%0*d", shard, digits, item)
}

// finish writes the shard's files, the counts last, and drops the spool.
func (s *openShard) finish() error {
	base := s.folder.shard(s.number)
	for ext, write := range map[string]func(string) error{".tar": s.writeTar, ".parquet": s.writeRows} {
		tmp := s.folder.tmp(filepath.Base(base) + ext)
		err := write(tmp)
		if err == nil {
			err = wholefile.Publish(tmp, base+ext)
		}
		if err != nil {
			return errors.Join(err, ignoreMissing(os.Remove(tmp)))
		}
	}
	stats, err := json.MarshalIndent(s.counts(), "", "    ")
	if err != nil {
		return err
	}
	if err := writeWhole(s.folder.tmp(filepath.Base(base)+".stats"), base+"_stats.json", stats); err != nil {
		return err
	}
	return errors.Join(s.spool.f.Close(), os.Remove(s.folder.spool(s.number)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// row is an item's answer with what is the item's own.
func (s *openShard) row(i int) answer {
	a := *s.answers[i]
	a.URL, a.Caption, a.Key = s.items[i].URL, s.items[i].Caption, s.folder.key(s.number, i)
	return a
}

func (s *openShard) writeTar(path string) error {
	w, err := shards.Create(path)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range s.items {
		a := s.row(i)
		if a.Status != success {
			continue
		}
		if buf, err = s.spool.read(s.images[i], buf); err == nil {
			err = w.Put(a.Key, s.folder.settings.Shape.Format, buf, a.Caption, a)
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// rowFields are img2dataset's columns, then ours.
var rowFields = []columns.Field[answer]{
	{Column: column{Name: "url"}, At: func(a *answer) any { return &a.URL }},
	{Column: column{Name: "caption"}, At: func(a *answer) any { return &a.Caption }},
	{Column: column{Name: "key"}, At: func(a *answer) any { return &a.Key }},
	{Column: column{Name: "status", Dict: true}, At: func(a *answer) any { return &a.Status }},
	{Column: column{Name: "error_message", Dict: true}, At: func(a *answer) any { return &a.Error }, Null: true},
	{Column: column{Name: "width"}, At: func(a *answer) any { return &a.Width }, Null: true},
	{Column: column{Name: "height"}, At: func(a *answer) any { return &a.Height }, Null: true},
	{Column: column{Name: "original_width"}, At: func(a *answer) any { return &a.OriginalWidth }, Null: true},
	{Column: column{Name: "original_height"}, At: func(a *answer) any { return &a.OriginalHeight }, Null: true},
	{Column: column{Name: "exif"}, At: func(a *answer) any { return &a.EXIF }, Null: true},
	{Column: column{Name: "sha256"}, At: func(a *answer) any { return &a.SHA256 }, Null: true},
	{Column: column{Name: "http_status"}, At: func(a *answer) any { return &a.HTTP }, Null: true},
	{Column: column{Name: "attempts"}, At: func(a *answer) any { return &a.Attempts }},
	{Column: column{Name: "temporary"}, At: func(a *answer) any { return &a.Temporary }},
	{Column: column{Name: "fetched"}, At: func(a *answer) any { return &a.Fetched }},
}

func (s *openShard) writeRows(path string) error {
	rows := make([]answer, len(s.items))
	for i := range rows {
		rows[i] = s.row(i)
	}
	return columns.WriteFile(path, rowFields, rows)
}

// shardStats is img2dataset's NNNNN_stats.json.
type shardStats struct {
	Count          int            `json:"count"`
	Successes      int            `json:"successes"`
	FailedDownload int            `json:"failed_to_download"`
	FailedResize   int            `json:"failed_to_resize"`
	Duration       float64        `json:"duration"`
	Start          float64        `json:"start_time"`
	End            float64        `json:"end_time"`
	Status         map[string]int `json:"status_dict"`
}

func (s *openShard) counts() shardStats {
	now := time.Now()
	seconds := func(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
	c := shardStats{Count: len(s.items), Duration: now.Sub(s.started).Seconds(), Start: seconds(s.started), End: seconds(now), Status: map[string]int{}}
	for _, a := range s.answers {
		switch a.Status {
		case success:
			c.Successes++
			c.Status[success]++
			continue
		case failedDownload:
			c.FailedDownload++
		default:
			c.FailedResize++
		}
		c.Status[a.Error]++
	}
	return c
}

// eachRow reads the rows of a shard that is done.
func (f *folder) eachRow(i int, fn func(*answer)) error {
	return columns.EachRow(f.shard(i)+".parquet", rowFields, fn)
}

// reopen makes a spool of a shard that is done, without the failures that are to
// be asked for again; false where it has none. Its tar stays until the new one
// takes its place.
func (f *folder) reopen(i int, all bool) (bool, error) {
	var rows []answer
	again := 0
	err := f.eachRow(i, func(a *answer) {
		rows = append(rows, *a)
		if isAgain(*a, all) {
			again++
		}
	})
	if err != nil || again == 0 {
		return false, err
	}
	set, err := shards.Index(context.Background(), []string{f.shard(i) + ".tar"}, 0)
	if err != nil {
		return false, err
	}
	defer set.Close()
	tmp := f.tmp("reopened.spool")
	if err := ignoreMissing(os.Remove(tmp)); err != nil {
		return false, err
	}
	s, err := openSpool(tmp, func(spooled, placed) error { return nil })
	if err != nil {
		return false, err
	}
	for item, a := range rows {
		if isAgain(a, all) {
			continue
		}
		if err := copyBack(s, set, item, a); err != nil {
			return false, errors.Join(err, s.f.Close())
		}
	}
	if err := s.f.Close(); err != nil {
		return false, err
	}
	return true, wholefile.Publish(tmp, f.spool(i))
}

func isAgain(a answer, all bool) bool { return a.Status != success && (all || a.Temporary) }

// copyBack puts a row that stays into the spool.
func copyBack(s *spool, set *shards.Set, item int, a answer) error {
	var image []byte
	if a.Status == success {
		sample, ok := set.Find(a.Key)
		if !ok {
			return fmt.Errorf("key %s: a success in the parquet file, but not in the tar", a.Key)
		}
		var err error
		if image, err = set.Read(sample, nil); err != nil {
			return err
		}
	}
	a.URL, a.Caption, a.Key = "", "", ""
	_, err := s.put(spooled{Items: []int{item}, Answer: a}, image)
	return err
}
