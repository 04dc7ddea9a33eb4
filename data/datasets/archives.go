package datasets

import (
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
}

// archives are those of catalogue/archives.txt, by entry. They are no part of an entry's Digest: what is scored is the same, whichever file it came in.
var archives = sync.OnceValue(func() map[string][]Archive {
	raw, err := catalogueFiles.ReadFile("catalogue/archives.txt")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string][]Archive{}
	for _, line := range lines(raw) {
		if f := strings.Fields(line); len(f) == 3 && f[0] != "#" {
			out[f[0]] = append(out[f[0]], Archive{File: f[2], MD5: f[1]})
		}
	}
	return out
})

// Archives are the published files whose digests are known; often none.
func (e *Entry) Archives() []Archive { return archives()[e.Name] }

// checkArchives compares the published files that lie in the folder with their digests.
func (r *Report) checkArchives(ctx context.Context) error {
	if r.Entry == nil {
		return nil
	}
	for _, a := range r.Entry.Archives() {
		path := filepath.Join(r.Dir, a.File)
		if !isFile(path) {
			continue
		}
		sum, err := md5Of(ctx, path)
		if err != nil {
			return err
		}
		if sum != a.MD5 {
			r.Findings = append(r.Findings, Finding{What: fmt.Sprintf("file %s has MD5 %s, and the published one %s", a.File, sum, a.MD5), Do: "fetch it again"})
		}
	}
	return nil
}

func md5Of(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := md5.New()
	for {
		_, err := io.CopyN(h, f, 64<<20)
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
