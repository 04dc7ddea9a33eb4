package datasets

import (
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"react/data/caught"
	"react/data/datasets/catalogue"
	"react/data/image"
)

// Report is what Check found in a folder.
type Report struct {
	Dir      string
	Entry    *catalogue.Entry // nil where the folder is of no benchmark
	Splits   []SplitReport
	Findings []Finding
}

// SplitReport is a split that can be read.
type SplitReport struct {
	Split, Layout             string
	Images, Classes, Captions int
	Want                      int // images that the benchmark has; 0: not known
	Unreadable                int
	Stranger                  string // see Set
	codes, name               string // see Set.codes
}

// Finding is one thing that is wrong, and what to do.
type Finding struct {
	Split   string // "" for the folder as a whole
	What    string
	Do      string
	Warning bool // the set can be used, and may not mean what it seems to
}

func (f Finding) String() string {
	text := f.What
	if f.Split != "" {
		text = f.Split + ": " + text
	}
	if f.Do != "" {
		text += " (" + f.Do + ")"
	}
	return text
}

// CheckOptions say how thoroughly a folder is looked at.
type CheckOptions struct {
	Entry    *catalogue.Entry // nil: labelled images of no known benchmark
	Captions bool             // images with captions, where there is no entry
	Quick    bool             // lists and counts only: no image is opened
	Progress func(split string, done, total int)
}

// unreadableNamed is the number of images that do not decode which are named.
const unreadableNamed = 5

// Check reads every split of a benchmark's folder, counts, decodes each image, looks for images
// that two splits share, and compares published files that lie there with their digests. What is
// wrong is a finding; only what stops the look itself is an error.
func Check(ctx context.Context, dir string, o CheckOptions) (Report, error) {
	r := Report{Dir: dir, Entry: o.Entry}
	splits := []string{"train", "val", testFolder}
	if o.Entry != nil {
		splits = slices.DeleteFunc(splits, func(s string) bool { _, ok := o.Entry.Splits[s]; return !ok })
	}
	if !o.Quick {
		if err := r.checkArchives(ctx); err != nil {
			return r, err
		}
	}
	seen := map[[sha256.Size]byte]string{} // content → split and key
	for _, split := range splits {
		set, err := openAny(dir, split, o)
		if err != nil {
			if o.Entry != nil || split == testFolder {
				r.Findings = append(r.Findings, missingSplit(split, err, o.Entry))
			}
			continue
		}
		err = r.look(ctx, set, seen, o)
		set.images.close()
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func missingSplit(split string, err error, e *catalogue.Entry) Finding {
	f := Finding{Split: split, What: err.Error()}
	if e != nil {
		f.Do = "runner data show " + e.Name + " says how to get it"
	}
	return f
}

// anySet is what labelled images and captions have in common.
type anySet struct {
	SplitReport
	keys   []string
	images images
}

func openAny(dir, split string, o CheckOptions) (anySet, error) {
	if o.Captions || o.Entry != nil && o.Entry.Kind == "captions" {
		c, err := OpenCaptions(dir, Options{Split: split, Entry: o.Entry})
		if err != nil {
			return anySet{}, err
		}
		return anySet{SplitReport{Split: split, Layout: c.Layout, Images: len(c.Keys), Captions: c.NumTexts()}, c.Keys, c.images}, nil
	}
	s, err := OpenSplit(dir, Options{Split: split, Entry: o.Entry})
	if err != nil {
		return anySet{}, err
	}
	out := anySet{SplitReport{Split: split, Layout: s.Layout, Images: len(s.Items), Classes: len(s.Classes), Stranger: s.Stranger}, nil, s.images}
	out.codes, out.name = s.codes()
	for _, item := range s.Items {
		out.keys = append(out.keys, item.Key)
	}
	return out, nil
}

// look counts, decodes and hashes the images of a split.
func (r *Report) look(ctx context.Context, s anySet, seen map[[sha256.Size]byte]string, o CheckOptions) error {
	find := func(what, do string) { r.Findings = append(r.Findings, Finding{Split: s.Split, What: what, Do: do}) }
	if s.codes != "" {
		r.Findings = append(r.Findings, Finding{s.Split, s.codes, s.name, true})
	}
	if o.Entry != nil {
		want := o.Entry.Splits[s.Split]
		s.Want = want.Images
		if s.Want > 0 && s.Images != s.Want {
			find(fmt.Sprintf("%d images, and %s has %d", s.Images, o.Entry.Name, s.Want), "scores are not comparable with published ones; runner data show "+o.Entry.Name)
		}
		if want.Captions > 0 && s.Captions != want.Captions {
			find(fmt.Sprintf("%d captions, and %s has %d", s.Captions, o.Entry.Name, want.Captions), "scores are not comparable with published ones")
		}
	}
	if s.Stranger != "" {
		find(fmt.Sprintf("no class is called as in %s, the first is %q and not %q", o.Entry.Name, s.Stranger, o.Entry.Classes[0][0]), "right only if it is the same set in the same order")
	}
	if !o.Quick {
		digests, bad, err := decodeAll(ctx, s, o.Progress)
		if err != nil {
			return err
		}
		s.Unreadable = len(bad)
		for i, why := range bad {
			if i == unreadableNamed {
				find(fmt.Sprintf("%d more images do not decode", len(bad)-i), "")
				break
			}
			find(why, "fetch it again")
		}
		r.leaks(s, digests, seen)
	}
	r.Splits = append(r.Splits, s.SplitReport)
	return nil
}

// unread is the digest of an image that could not be read.
var unread [sha256.Size]byte

// leaks reports the images that an earlier split holds too.
func (r *Report) leaks(s anySet, digests [][sha256.Size]byte, seen map[[sha256.Size]byte]string) {
	shared, first := 0, ""
	for i, d := range digests {
		if other, ok := seen[d]; ok && d != unread && !strings.HasPrefix(other, s.Split+" ") {
			if shared++; shared == 1 {
				first = fmt.Sprintf("%s is also %s", s.keys[i], other)
			}
		}
	}
	for i, d := range digests {
		if _, ok := seen[d]; !ok {
			seen[d] = s.Split + " " + s.keys[i]
		}
	}
	if shared > 0 {
		r.Findings = append(r.Findings, Finding{Split: s.Split, What: fmt.Sprintf("%d images are in an earlier split too: %s", shared, first),
			Do: "a model that is trained on one is not tested by the other"})
	}
}

// decodeAll decodes every image; bad are the errors, in the order of the images.
func decodeAll(ctx context.Context, s anySet, progress func(string, int, int)) (digests [][sha256.Size]byte, bad []string, err error) {
	digests = make([][sha256.Size]byte, len(s.keys))
	failed := make([]string, len(s.keys))
	var mu sync.Mutex
	done := 0
	workers := runtime.GOMAXPROCS(0)
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			for i := w * len(s.keys) / workers; i < (w+1)*len(s.keys)/workers; i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if digests[i], err = s.decode(i); err != nil {
					failed[i] = fmt.Sprintf("image %s: %v", s.keys[i], err)
				}
				if progress != nil {
					mu.Lock()
					done++
					progress(s.Split, done, len(s.keys))
					mu.Unlock()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return digests, slices.DeleteFunc(failed, func(f string) bool { return f == "" }), nil
}

// decode reads and decodes image i, and gives the digest of its bytes.
func (s anySet) decode(i int) (digest [sha256.Size]byte, err error) {
	err = caught.Do("", func() error {
		raw, err := s.images.read(i)
		if err != nil {
			return err
		}
		digest = sha256.Sum256(raw)
		return image.Use(raw, true, func(*image.RGB) error { return nil })
	})
	return digest, err
}

// Shared lists the pairs of items, one of each set, whose images are the same bytes.
func Shared(a, b *Set) ([][2]int, error) {
	seen := map[[sha256.Size]byte]int{}
	for i := range a.Items {
		raw, err := a.Read(i)
		if err != nil {
			return nil, err
		}
		seen[sha256.Sum256(raw)] = i
	}
	var out [][2]int
	for i := range b.Items {
		raw, err := b.Read(i)
		if err != nil {
			return nil, err
		}
		if at, ok := seen[sha256.Sum256(raw)]; ok {
			out = append(out, [2]int{at, i})
		}
	}
	return out, nil
}

// checkArchives compares the published files that lie in the folder with their digests.
func (r *Report) checkArchives(ctx context.Context) error {
	if r.Entry == nil {
		return nil
	}
	for _, a := range r.Entry.Archives() {
		names := []string{a.File}
		if a.Plain != "" {
			names = append(names, strings.TrimSuffix(a.File, ".gz"))
		}
		for _, name := range names {
			if path := filepath.Join(r.Dir, name); isFile(path) {
				if err := r.checkArchive(ctx, path, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkArchive compares a published file, or what it holds, with the digests that are known.
func (r *Report) checkArchive(ctx context.Context, path string, a catalogue.Archive) error {
	sum, err := md5Of(ctx, path, false)
	if err != nil || sum == a.MD5 || sum == a.Plain {
		return err
	}
	if a.Plain != "" && strings.HasSuffix(path, ".gz") {
		plain, err := md5Of(ctx, path, true)
		if ctx.Err() != nil || err == nil && plain == a.Plain {
			return ctx.Err()
		}
	}
	want := a.MD5
	if filepath.Base(path) != a.File {
		want = a.Plain
	}
	r.Findings = append(r.Findings, Finding{What: fmt.Sprintf("file %s has MD5 %s, and the published one %s", filepath.Base(path), sum, want), Do: "fetch it again"})
	return nil
}

// md5Of is the digest of a file, or of what it holds as a gzip.
func md5Of(ctx context.Context, path string, unpacked bool) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var content io.Reader = f
	if unpacked {
		if content, err = gzip.NewReader(f); err != nil {
			return "", fmt.Errorf("file %s: %w", path, err)
		}
		content = io.LimitReader(content, maxArchive)
	}
	h := md5.New()
	for {
		_, err := io.CopyN(h, content, 64<<20)
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", fmt.Errorf("file %s: %w", path, err)
		}
	}
}
