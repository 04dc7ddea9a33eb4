package catalogue

import (
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

// archives are those of archives.txt, by entry. They are no part of an entry's Digest: what is
// scored is the same, whichever file it came in.
var archives = sync.OnceValue(func() map[string][]Archive {
	out := map[string][]Archive{}
	for _, line := range lines("archives.txt") {
		if f := strings.Fields(line); len(f) >= 3 && f[0] != "#" {
			f = append(f, "")
			out[f[0]] = append(out[f[0]], Archive{File: f[2], MD5: f[1], Plain: f[3]})
		}
	}
	return out
})

// publishedNotes are the sentences of published.txt, by entry.
var publishedNotes = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, line := range lines("published.txt") {
		if name, note, ok := strings.Cut(line, " "); ok && name != "#" {
			out[name] = note
		}
	}
	return out
})

// AsPublished says how the files that the authors give out are read, or why they are not and what
// to do.
func (e *Entry) AsPublished() string { return publishedNotes()[e.Name] }

// Archives are the published files whose digests are known; often none.
func (e *Entry) Archives() []Archive { return archives()[e.Name] }

// OfPlain is the benchmark of a file that is known by the digest of what it holds, nil for none.
func OfPlain(sum string) *Entry {
	for _, e := range All() {
		for _, a := range e.Archives() {
			if a.Plain == sum {
				return e
			}
		}
	}
	return nil
}
