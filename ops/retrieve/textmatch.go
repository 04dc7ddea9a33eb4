package retrieve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/pools"
)

// matchCaptions finds for each class the captions that hold its name, or a synonym, as whole words,
// letter case aside. The score is the share of a caption's words that are the name, so that "a
// tabby cat" comes before a sentence with a cat in it; order is score down, then row up. A class
// whose name stands in no caption is counted as a shortfall.
func matchCaptions(ctx context.Context, run *op.Run, p Params) error {
	classes, err := embed.Classes(run, p.Set)
	if err != nil {
		return err
	}
	names, err := embed.Names(run, classes)
	if err != nil {
		return err
	}
	folder, err := run.Embeddings()
	if err != nil {
		return err
	}
	defer folder.Close()
	// a caption that cannot be read matches nothing; the pairs stage counts them
	folder.MaxBad = int(folder.Rows())
	alive, err := pools.AliveIn(ctx, run, folder)
	if err != nil {
		return err
	}
	lists, matcher := make([]matches, len(names)), NewNameMatcher(names)
	for i := range lists {
		lists[i].depth = p.Depth
	}
	err = pools.EachMeta(ctx, folder, func(row int64, meta embeddings.Meta) error {
		if row%(1<<16) == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			run.Progress(op.Progress{Done: int(row), Total: int(folder.Rows()), Note: "captions"})
		}
		if !alive.Has(row) || meta.Bad {
			return nil
		}
		for _, m := range matcher.Match(meta.Caption) {
			lists[m.Class].add(captionHit{row: row, score: m.score, name: names[m.Class][m.name]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeMatches(run, lists, p)
}

func writeMatches(run *op.Run, lists []matches, p Params) error {
	var hits []Hit
	short := 0
	for class := range lists {
		list := lists[class].sorted()
		if len(list) < p.Depth {
			short++
		}
		for rank, h := range list {
			hits = append(hits, Hit{Query: -1, Class: int32(class), Prompt: h.name, Rank: int32(rank + 1), Row: h.row, Score: h.score, Modality: p.By})
		}
	}
	run.Fact("queries", len(lists))
	run.Fact("shortfalls", short)
	if len(hits) == 0 {
		return fmt.Errorf("no caption holds the name of any of %d classes", len(lists))
	}
	return parquet.WriteFile(run.Path(HitsFile), hits)
}

// captionHit is a caption with a name in it.
type captionHit struct {
	row   int64
	score float32
	name  string
}

// matches keeps the depth best hits of a class.
type matches struct {
	depth int
	hits  []captionHit
}

func (m *matches) add(h captionHit) {
	if m.hits = append(m.hits, h); len(m.hits) >= 2*m.depth+64 {
		m.hits = m.sorted()
	}
}

func (m *matches) sorted() []captionHit {
	slices.SortFunc(m.hits, func(a, b captionHit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row)) })
	return m.hits[:min(m.depth, len(m.hits))]
}

// nameMatcher finds the names of classes in captions, each word of a caption looked up once however
// many names there are.
type nameMatcher struct {
	byWord map[string][]wantedName // by the first word of a name
	bare   []wantedName            // names without a letter or digit
}

// wantedName is a name in lower case.
type wantedName struct {
	class, name int
	text        string
	lead        int // bytes before its first word
	words       int
}

// nameMatch is a class whose name a caption holds.
type nameMatch struct {
	Class, name int
	score       float32 // words of the name over words of the caption
}

// NewNameMatcher looks for the names of each class, whatever their case.
func NewNameMatcher(names [][]string) *nameMatcher {
	m := &nameMatcher{byWord: map[string][]wantedName{}}
	for c, of := range names {
		for n, name := range of {
			text := strings.ToLower(name)
			words := WordSpans(text)
			w := wantedName{class: c, name: n, text: text, words: max(1, len(words))}
			if len(words) == 0 {
				m.bare = append(m.bare, w)
				continue
			}
			w.lead = words[0].Start
			first := text[words[0].Start:words[0].End]
			m.byWord[first] = append(m.byWord[first], w)
		}
	}
	return m
}

// Match gives the classes found, in order, each with the name that covers most of the caption.
func (m *nameMatcher) Match(caption string) []nameMatch {
	text := strings.ToLower(caption)
	words := WordSpans(text)
	var found []nameMatch
	add := func(w wantedName) {
		score := float32(w.words) / float32(max(1, len(words)))
		for i := range found {
			if found[i].Class == w.class {
				if score > found[i].score || score == found[i].score && w.name < found[i].name {
					found[i].name, found[i].score = w.name, score
				}
				return
			}
		}
		found = append(found, nameMatch{w.class, w.name, score})
	}
	for _, word := range words {
		for _, w := range m.byWord[text[word.Start:word.End]] {
			if w.isAt(text, word.Start-w.lead) {
				add(w)
			}
		}
	}
	for _, w := range m.bare {
		for at, i := 0, strings.Index(text, w.text); i >= 0; i = strings.Index(text[at:], w.text) {
			if w.isAt(text, at+i) {
				add(w)
				break
			}
			at += i + 1
		}
	}
	slices.SortFunc(found, func(a, b nameMatch) int { return cmp.Compare(a.Class, b.Class) })
	return found
}

// isAt says whether the name stands there and no letter or digit touches it.
func (w wantedName) isAt(text string, at int) bool {
	if at < 0 || !strings.HasPrefix(text[at:], w.text) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at+len(w.text):])
	return !isWord(before) && !isWord(after)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// span is a word of a text, in bytes.
type span struct{ Start, End int }

// WordSpans are the runs of letters and digits.
func WordSpans(text string) []span {
	var words []span
	start := -1
	for i, r := range text {
		switch {
		case isWord(r) && start < 0:
			start = i
		case !isWord(r) && start >= 0:
			words, start = append(words, span{start, i}), -1
		}
	}
	if start >= 0 {
		words = append(words, span{start, len(text)})
	}
	return words
}
