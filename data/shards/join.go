package shards

import (
	"path/filepath"
	"strings"
)

// Row is what metadata say of a sample; "" where they do not.
type Row struct {
	Key, URL, Caption string
	File              string // of the metadata
}

// Miss is why a row has no sample; "" where it has one.
type Miss string

// The reasons, from the outermost to the innermost.
const (
	NoShard  Miss = "no shard"  // that the row would be in is there
	NoSample Miss = "no sample" // in the shards has its key or address
	// its key stands for several samples, and no address says which
	Repeated Miss = "repeated"
	// the sample of its key has, and no address says that it is the same
	OtherCaption Miss = "another caption"
)

// Join finds the sample of a row. Keys are numbers that each folder, or each tar,
// counts from zero, so that a key may stand for another image, in shards that
// were fetched anew or merged; what else both sides say decides:
//
//   - by key, where the addresses agree, or one side has none and the captions
//     do not differ;
//   - of a key that several samples have, the one with the row's address, and
//     none without an address;
//   - else by address and caption, or by the address alone where only one sample
//     has it.
func (s *Set) Join(r Row) (Sample, Miss) {
	sample, miss := s.joinKey(r)
	if miss == "" {
		return sample, ""
	}
	if r.URL != "" {
		for _, id := range []string{r.URL + "\x00" + r.Caption, r.URL} {
			if i, ok := s.byURL()[id]; ok && i >= 0 {
				return s.samples[i], ""
			}
		}
	}
	if miss == NoSample && s.names().lacks(r) {
		miss = NoShard
	}
	return Sample{}, miss
}

func (s *Set) joinKey(r Row) (Sample, Miss) {
	if r.Key == "" {
		return Sample{}, NoSample
	}
	if several := s.again[r.Key]; several != nil {
		for _, i := range several {
			if r.URL != "" && s.samples[i].URL == r.URL {
				return s.samples[i], ""
			}
		}
		return Sample{}, Repeated
	}
	i, ok := s.byKey[r.Key]
	if !ok {
		return Sample{}, NoSample
	}
	sample := s.samples[i]
	switch {
	case r.URL != "" && sample.URL != "" && r.URL != sample.URL:
		return Sample{}, NoSample
	case (r.URL == "" || sample.URL == "") && differ(r.Caption, sample.Caption):
		return Sample{}, OtherCaption
	}
	return sample, ""
}

// differ says whether two captions that are known are of different words.
func differ(a, b string) bool {
	if a == b || a == "" || b == "" {
		return false
	}
	return strings.Join(strings.Fields(a), " ") != strings.Join(strings.Fields(b), " ")
}

// Match is Join for who does not ask why.
func (s *Set) Match(key, url, caption string) (Sample, bool) {
	sample, miss := s.Join(Row{Key: key, URL: url, Caption: caption})
	return sample, miss == ""
}

// Find looks a sample up by key; one that several have finds none.
func (s *Set) Find(key string) (Sample, bool) {
	i, ok := s.byKey[key]
	if !ok || s.again[key] != nil {
		return Sample{}, false
	}
	return s.samples[i], true
}

// Repeated is a key that several samples have, and two of the shards with it; ""
// where all keys are of one each.
func (s *Set) Repeated() (key, shard, other string) {
	for k, several := range s.again {
		if key == "" || k < key {
			key, shard, other = k, s.shards[s.samples[several[0]].Shard], s.shards[s.samples[several[1]].Shard]
		}
	}
	return key, shard, other
}

// indexURLs is the index by address. An address alone that several samples have
// is -1: pages that answer every address with the one that they have.
func (s *Set) indexURLs() map[string]int32 {
	m := make(map[string]int32, 2*len(s.samples))
	for i, sample := range s.samples {
		id := sample.URL + "\x00" + sample.Caption
		if _, ok := m[id]; !ok {
			m[id] = int32(i)
		}
		if _, ok := m[sample.URL]; ok {
			m[sample.URL] = -1
		} else {
			m[sample.URL] = int32(i)
		}
	}
	return m
}

// Said reports whether a shard says anything of a sample by which a row's claim
// to it can be checked.
func (s Sample) Said() bool { return s.URL != "" || s.Caption != "" }

// Disown makes a key join nothing: several rows claim it, and the shard does not
// say whose it is.
func (s *Set) Disown(key string) {
	if i, ok := s.byKey[key]; ok && s.again[key] == nil {
		s.again[key] = []int32{i, i}
	}
}

// names are those of shards, without folder and ending, as far as rows can be
// said to belong to one.
type names struct {
	paths map[string]bool // without ending
	stems map[string]bool
	dirs  map[string]bool
	width int // of stems that are all numbers of as many digits; else 0
}

// nameShards collects the names.
func (s *Set) nameShards() names { return namesOf(s.shards) }

func namesOf(shards []string) names {
	n := names{paths: map[string]bool{}, stems: map[string]bool{}, dirs: map[string]bool{}, width: -1}
	for _, shard := range shards {
		path := strings.TrimSuffix(shard, ".tar")
		stem := filepath.Base(path)
		n.paths[path], n.stems[stem], n.dirs[filepath.Dir(path)] = true, true, true
		if strings.Trim(stem, "0123456789") != "" || n.width >= 0 && n.width != len(stem) {
			n.width = 0
		}
		if n.width < 0 {
			n.width = len(stem)
		}
	}
	return n
}

// lacks says whether the shard that a row would be in is not there. img2dataset
// puts 00012.parquet beside 00012.tar, and its keys begin with the number of the
// shard: 000120345. Elsewhere nothing says which shard a row would be in.
func (n names) lacks(r Row) bool {
	if n.width > 0 && isNumber(stemOf(r.File)) {
		return n.lacksFile(r.File)
	}
	return n.width > 0 && len(r.Key) > n.width && isNumber(r.Key) && !n.stems[r.Key[:n.width]]
}

// lacksFile says whether the shard of a metadata file is not there.
func (n names) lacksFile(file string) bool {
	if n.dirs[filepath.Dir(file)] {
		return !n.paths[strings.TrimSuffix(file, filepath.Ext(file))]
	}
	return !n.stems[stemOf(file)]
}

func stemOf(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// Lacking lists the metadata files whose shard is not among those that are
// given, where names tell: files and shards that are all numbered, and lie in one
// folder, as img2dataset writes them.
func Lacking(metadata, shards []string) []string {
	members, _ := group(shards)
	n := namesOf(members)
	var out []string
	for _, file := range metadata {
		if n.width <= 0 || !isNumber(stemOf(file)) {
			return nil
		}
		if n.dirs[filepath.Dir(file)] && n.lacksFile(file) {
			out = append(out, file)
		}
	}
	return out
}
