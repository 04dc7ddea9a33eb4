package shards

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"
)

// Member is one file of a tar.
type Member struct {
	Key, Ext     string
	Offset, Size int64 // of the contents, bytes
}

// maxText bounds the .json and .txt members that are read while indexing.
const maxText = 1 << 20

// Walk calls fn for each regular member with a key, in the order of the tar.
// body reads the contents and must not be used after fn. A tar that ends early
// or is damaged gives a Broken error after the whole members.
func Walk(ctx context.Context, name string, fn func(m Member, body io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := walk(ctx, f, info.Size(), fn); err != nil {
		return fmt.Errorf("shard %s: %w", name, err)
	}
	return nil
}

// Broken is the error of a tar that does not go on after some members: cut,
// still being written, or damaged.
type Broken struct {
	Offset int64 // where reading stopped
	Why    string
}

func (b Broken) Error() string { return fmt.Sprintf("%s at offset %d", b.Why, b.Offset) }

func walk(ctx context.Context, f io.ReaderAt, size int64, fn func(Member, io.Reader) error) error {
	r := &window{f: f, size: size}
	t := tar.NewReader(r)
	end := int64(0) // of the last member, padding included
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) && r.at > end {
			return nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && r.at+h.Size > size {
			return Broken{size, "tar ends early"}
		}
		if err != nil {
			return Broken{r.at, fmt.Sprintf("not a tar, or damaged (%v)", err)}
		}
		end = r.at + (h.Size+511)/512*512
		key, ext := split(h.Name)
		if h.Typeflag != tar.TypeReg || key == "" {
			continue
		}
		if err := fn(Member{Key: key, Ext: ext, Offset: r.at, Size: h.Size}, t); err != nil {
			return err
		}
	}
}

// window reads through a buffer that survives short seeks, for tars of many
// small members: two system calls a member would cost more than the parsing.
type window struct {
	f     io.ReaderAt
	size  int64
	at    int64 // next byte for the reader
	buf   []byte
	start int64 // of buf
}

const windowSize = 1 << 16

func (w *window) Read(p []byte) (int, error) {
	if w.at >= w.size {
		return 0, io.EOF
	}
	if w.at < w.start || w.at >= w.start+int64(len(w.buf)) {
		w.buf = slices.Grow(w.buf[:0], windowSize)[:min(windowSize, w.size-w.at)]
		w.start = w.at
		if n, err := w.f.ReadAt(w.buf, w.at); n < len(w.buf) {
			w.buf = w.buf[:0]
			return 0, err
		}
	}
	n := copy(p, w.buf[w.at-w.start:])
	w.at += int64(n)
	return n, nil
}

func (w *window) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	w.at = offset
	return offset, nil
}

// shardIndex is what one tar holds.
type shardIndex struct {
	name    string
	samples []Sample
	bad     []Bad
}

// read indexes a tar. Faults over maxBad end it early.
func (x *shardIndex) read(ctx context.Context, name string, maxBad int) error {
	x.name = name
	return x.collect(maxBad, func(fn func(Member, io.Reader) error) error { return Walk(ctx, name, fn) })
}

// collect groups the members that walk gives into samples.
func (x *shardIndex) collect(maxBad int, walk func(func(Member, io.Reader) error) error) error {
	byKey := map[string]*Sample{}
	var order []*Sample
	err := walk(func(m Member, body io.Reader) error {
		s := byKey[m.Key]
		if s == nil {
			s = &Sample{Key: m.Key}
			byKey[m.Key] = s
			order = append(order, s)
		}
		if err := x.member(s, m, body); err != nil {
			return err
		}
		return tooMany(x.bad, maxBad)
	})
	var broken Broken
	if errors.As(err, &broken) && len(order) > 0 {
		x.fault("", broken.Error())
		err = tooMany(x.bad, maxBad)
	}
	if err != nil {
		return err
	}
	for _, s := range order {
		if s.Ext == "" {
			x.fault(s.Key, "has no image")
			continue
		}
		x.samples = append(x.samples, *s)
	}
	slices.SortStableFunc(x.samples, func(a, b Sample) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return tooMany(x.bad, maxBad)
}

func (x *shardIndex) fault(key, why string) {
	x.bad = append(x.bad, Bad{x.name, key, why})
}

// member adds one member to its sample; members of other kinds are passed over.
func (x *shardIndex) member(s *Sample, m Member, body io.Reader) error {
	switch {
	case slices.Contains(extensions, m.Ext):
		if s.Ext != "" {
			x.fault(m.Key, "has two images, ."+s.Ext+" and ."+m.Ext)
			return nil
		}
		s.Ext, s.Offset, s.Size = m.Ext, m.Offset, m.Size
	case m.Ext == "txt" || m.Ext == "json":
		if m.Size > maxText {
			x.fault(m.Key, fmt.Sprintf(".%s of %d bytes is over %d", m.Ext, m.Size, maxText))
			return nil
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("offset %d: %w", m.Offset, err)
		}
		x.text(s, m, raw)
	}
	return nil
}

// text takes address and caption; the .txt is the caption where both have one.
func (x *shardIndex) text(s *Sample, m Member, raw []byte) {
	if !utf8.Valid(raw) {
		x.fault(m.Key, "."+m.Ext+" is not UTF-8")
		return
	}
	if m.Ext == "txt" {
		s.Caption = string(raw)
		return
	}
	var meta struct {
		URL     *string `json:"url"`
		Caption *string `json:"caption"`
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		x.fault(m.Key, fmt.Sprintf(".json: %v", err))
		return
	}
	if meta.URL != nil {
		s.URL = *meta.URL
	}
	if meta.Caption != nil && s.Caption == "" {
		s.Caption = *meta.Caption
	}
}
