package datasets

import (
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Archive is a file as a benchmark's publisher gives it out.
type Archive struct {
	File string
	MD5  string // hexadecimal; the publishers and other loaders name no other digest
	// Plain is the MD5 of what a .gz holds, where it is known: others pack the same again.
	Plain string
}

// archives are those of catalogue/archives.txt, by entry. They are no part of an entry's Digest: what is scored is the same, whichever file it came in.
var archives = sync.OnceValue(func() map[string][]Archive {
	raw, err := catalogueFiles.ReadFile("catalogue/archives.txt")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string][]Archive{}
	for _, line := range lines(raw) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] != "#" {
			f = append(f, "")
			out[f[0]] = append(out[f[0]], Archive{File: f[2], MD5: f[1], Plain: f[3]})
		}
	}
	return out
})

// publishedNotes are the sentences of catalogue/published.txt, by entry.
var publishedNotes = sync.OnceValue(func() map[string]string {
	raw, err := catalogueFiles.ReadFile("catalogue/published.txt")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string]string{}
	for _, line := range lines(raw) {
		if name, note, ok := strings.Cut(line, " "); ok && name != "#" {
			out[name] = note
		}
	}
	return out
})

// AsPublished says how the files that the authors give out are read, or why they are not and what to
// do.
func (e *Entry) AsPublished() string { return publishedNotes()[e.Name] }

// Archives are the published files whose digests are known; often none.
func (e *Entry) Archives() []Archive { return archives()[e.Name] }

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
func (r *Report) checkArchive(ctx context.Context, path string, a Archive) error {
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

// entryOfPlain is the benchmark of a file that is known by the digest of what it holds, nil for none.
func entryOfPlain(sum string) *Entry {
	for _, e := range Catalogue() {
		for _, a := range e.Archives() {
			if a.Plain == sum {
				return e
			}
		}
	}
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
