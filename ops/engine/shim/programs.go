package shim

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"react/data/wholefile"
)

// Programs is a folder of compiled programs, each in a file of its own: a header, and what the
// plugin made. It may be used by several processes and users. One that cannot be read or written
// keeps nothing, which costs time and is no error.
//
// A file that is damaged, cut short or of another program is removed: the header has a digest of
// the name and of all that follows. The digest is made with a secret of the user, and so is the
// file's name: a program is code that the plugin runs, and a folder from elsewhere must not bring
// any.
type Programs struct {
	folder string
	secret []byte // nil: nothing is kept
	most   int64  // bytes, of all files
}

// mostBytes is how much a folder keeps: a step of a model takes 1 to 8 MB.
const mostBytes = 1 << 30

// Folder keeps programs in a folder. The folder is made when the first is kept, the one that it is
// in is not.
func Folder(path string) *Programs { return &Programs{path, secret(), mostBytes} }

// secretBytes is the length of a secret.
const secretBytes = 32

// secret is the user's, made at the first call; nil where the user has no folder for it.
func secret() []byte {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	dir = filepath.Join(dir, "runner")
	path := filepath.Join(dir, "programs.secret")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(dir, 0o700) == nil {
		fresh := make([]byte, secretBytes)
		rand.Read(fresh)
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Write(fresh)
			f.Close()
		}
		text, _ = os.ReadFile(path) // another process may have been first
	}
	if len(text) != secretBytes {
		return nil
	}
	return text
}

// sum is a digest that only the user can make.
func (p *Programs) sum(parts ...[]byte) []byte {
	h := hmac.New(sha256.New, p.secret)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// file is the name of the file of a recipe's key, and its path.
func (p *Programs) file(key string) (name, path string) {
	name = hex.EncodeToString(p.sum([]byte(key)))
	return name, filepath.Join(p.folder, name)
}

// magic begins a file; its number changes with what follows it.
const magic = "runner program 1\n"

// headerBytes is what stands before a program: magic, and the digest of the name and the program.
const headerBytes = len(magic) + sha256.Size

func (p *Programs) header(name string, program []byte) []byte {
	return append([]byte(magic), p.sum([]byte(magic), []byte(name), program)...)
}

// get is the program of a key, nil where none is kept. Its file counts as used now.
func (p *Programs) get(key string) []byte {
	if p.secret == nil {
		return nil
	}
	name, path := p.file(key)
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	if !info.Mode().IsRegular() || info.Size() > p.most {
		p.drop(key)
		return nil
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	program := file[min(headerBytes, len(file)):]
	if len(program) == 0 || !bytes.Equal(file[:headerBytes], p.header(name, program)) {
		p.drop(key)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // where it cannot be noted, it only goes earlier
	return program
}

// put keeps a program, where there is room for it.
func (p *Programs) put(key string, program []byte) {
	if p.secret == nil {
		return
	}
	if err := os.Mkdir(p.folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return
	}
	name, path := p.file(key)
	// One that cannot be written is compiled anew when it is wanted.
	_ = wholefile.Write(path, append(p.header(name, program), program...), 0o666)
	p.trim()
}

// drop removes what is no program.
func (p *Programs) drop(key string) {
	_, path := p.file(key)
	_ = os.RemoveAll(path)
}

// unfinishedAfter is the age from which a file that has no name yet is of a process that was
// killed.
const unfinishedAfter = time.Hour

// trim removes the files that were not used for longest, so that the rest is no more than the
// folder may have.
func (p *Programs) trim() {
	entries, err := os.ReadDir(p.folder)
	if err != nil {
		return
	}
	var files []os.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case e.Name()[0] == '.' && time.Since(info.ModTime()) > unfinishedAfter:
			_ = os.Remove(filepath.Join(p.folder, e.Name()))
		default:
			files, total = append(files, info), total+info.Size()
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if total <= p.most {
			return
		}
		_ = os.Remove(filepath.Join(p.folder, info.Name()))
		total -= info.Size()
	}
}
