package datasets

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"react/data/lost"
)

// listed are images by path below a folder, or in zips there, as "archive.zip@member".
type listed struct {
	dir   string
	base  string // folder below dir that paths of the list are relative to
	paths []string
	mu    sync.Mutex
	zips  map[string]*zip.ReadCloser
	at    map[string]map[string]*zip.File // zip → member
}

// place is a path of a list, relative to the set's folder. Lists made by scripts have absolute
// paths, and those of Windows backslashes. What lies outside of the set's folder is refused: its
// content would be no part of what a result is remembered by.
func (l *listed) place(path string) (string, error) {
	if strings.Contains(path, `\`) && !isFile(filepath.Join(l.dir, l.base, path)) {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	within := filepath.Join(l.base, path)
	if filepath.IsAbs(path) {
		var err error
		if within, err = relativeTo(l.dir, path); err != nil {
			return "", err
		}
	}
	if !filepath.IsLocal(within) {
		return "", fmt.Errorf("path %s lies outside of the set's folder %s (a set is a folder with its list and its images)", path, l.dir)
	}
	return within, nil
}

// relativeTo looks for an absolute path below a folder, both as written and with links followed.
func relativeTo(dir, path string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	within, err := filepath.Rel(abs, path)
	if err == nil && filepath.IsLocal(within) {
		return within, nil
	}
	target, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", err
	}
	return filepath.Rel(target, path)
}

// absent are the images that are listed, and not there.
func (l *listed) absent() []int {
	var out []int
	for i, path := range l.paths {
		if !l.has(path) {
			out = append(out, i)
		}
	}
	return out
}

// dropAbsent leaves out images that are not there; more than a share of all are an error.
func (s *Set) dropAbsent(absent []int, maxShare float64) error {
	if len(absent) == 0 {
		return nil
	}
	c := lost.Count{Of: int64(len(s.Items))}
	c.AddN(lost.NotThere, int64(len(absent)), s.Items[absent[0]].Key)
	if c.Check(maxShare) != nil {
		return fmt.Errorf("set %s: %d of %d listed images are not there, the first is %s (paths are relative to the folder of the list; %.1f %%, over maxBadShare %v)",
			s.Dir, len(absent), c.Of, s.Items[absent[0]].Key, 100*c.Share(), maxShare)
	}
	s.Lost = c
	s.drop(absent)
	return nil
}

func (l *listed) has(path string) bool {
	archive, member, ok := splitZip(path)
	if !ok {
		return isFile(filepath.Join(l.dir, path))
	}
	_, err := l.member(archive, member)
	return err == nil
}

func splitZip(path string) (archive, member string, ok bool) {
	at := strings.Index(path, ".zip@")
	if at < 0 {
		return "", "", false
	}
	return path[:at+4], path[at+5:], true
}

func (l *listed) member(archive, member string) (*zip.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.zips[archive]; !ok {
		z, err := zip.OpenReader(filepath.Join(l.dir, archive))
		if err != nil {
			return nil, err
		}
		l.zips[archive] = z
		if l.at == nil {
			l.at = map[string]map[string]*zip.File{}
		}
		l.at[archive] = map[string]*zip.File{}
		for _, f := range z.File {
			l.at[archive][f.Name] = f
		}
	}
	f, ok := l.at[archive][member]
	if !ok {
		return nil, fmt.Errorf("file %s: no member %s", filepath.Join(l.dir, archive), member)
	}
	return f, nil
}

func (l *listed) read(i int) ([]byte, error) {
	archive, member, ok := splitZip(l.paths[i])
	if !ok {
		return readImage(filepath.Join(l.dir, l.paths[i]))
	}
	f, err := l.member(archive, member)
	if err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("file %s: %s: %w", filepath.Join(l.dir, archive), member, err)
	}
	defer r.Close()
	raw, err := readAtMost(r, maxImage)
	if err != nil {
		return nil, fmt.Errorf("file %s: %s: %w", filepath.Join(l.dir, archive), member, err)
	}
	return raw, nil
}

func (l *listed) file(i int) string {
	if _, _, zipped := splitZip(l.paths[i]); zipped {
		return ""
	}
	return filepath.Join(l.dir, l.paths[i])
}

func (l *listed) close() error {
	var errs []error
	for _, z := range l.zips {
		errs = append(errs, z.Close())
	}
	return errors.Join(errs...)
}

// maxImage bounds the bytes of one image: a member of an archive may say or hold anything.
const maxImage = 1 << 28

// readImage reads a file that is an image.
func readImage(name string) ([]byte, error) { return readFile(name, maxImage, "image") }

// readFile reads a file of at most limit bytes; what says of what more would be too many.
func readFile(name string, limit int64, what string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > limit {
		err = fmt.Errorf("file %s: over %d MiB, which no %s has", name, limit>>20, what)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}

// readAtMost reads all there is, which is an error where it is over limit bytes.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("over %d MiB, which no such file has", limit>>20)
	}
	return raw, err
}
