// Package knowledge looks class names up in WordNet and in extracts of Wiktionary, for prompts that
// say what a thing is (K-LITE, arXiv 2204.09222).
//
// WordNet is the folder of its database files (index.noun, data.noun, noun.exc; Debian's
// wordnet-base puts them into /usr/share/wordnet). A Wiktionary extract is a file: wiktextract's
// JSON lines, as kaikki.org publishes them, or K-LITE's JSON of classes with def_wiki.
//
// A name is looked up as K-LITE does: in lower case without punctuation, its last word also in its
// base form, and then without its first word, and so on until there is a hit: "yellow labrador
// dogs" finds "dog". Only nouns are looked up in WordNet, the first sense is taken.
package knowledge

import (
	"strings"
	"unicode"
)

// Source gives the knowledge of a name, where it has any.
type Source interface {
	Look(name string) (text string, found bool)
}

// candidates are the spellings under which a name is looked up, the best first. base gives the base
// forms of a word.
func candidates(name string, base func(word string) []string) []string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r != '\'' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var out []string
	for ; len(words) > 0; words = words[1:] {
		last := len(words) - 1
		head := strings.Join(words[:last], " ")
		for _, word := range append([]string{words[last]}, base(words[last])...) {
			out = append(out, strings.TrimSpace(head+" "+word))
		}
	}
	return out
}

// suffixes are WordNet's rules of detachment for nouns.
var suffixes = [][2]string{{"ses", "s"}, {"xes", "x"}, {"zes", "z"}, {"ches", "ch"}, {"shes", "sh"}, {"men", "man"}, {"ies", "y"}, {"s", ""}}

// detached are the possible base forms of a noun by WordNet's rules.
func detached(word string) []string {
	var out []string
	for _, rule := range suffixes {
		if stem, ok := strings.CutSuffix(word, rule[0]); ok && stem != "" && !strings.HasSuffix(word, "ss") {
			out = append(out, stem+rule[1])
		}
	}
	return out
}
