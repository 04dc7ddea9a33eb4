package emoji

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// templates are the prompts of the sets.
var templates = []string{"an emoji of {}", "a picture of {}", "a drawing of {}", "{}"}

// captionTemplates are what the pool's captions put a label into.
var captionTemplates = append([]string{"{} emoji", "the {} icon", "{} sticker", "a small picture of {}", "{} symbol", "an icon of {}"}, templates...)

// captions are the captions of a drawing's rows: the label in a template; two tags;
// the label in another template, with a tag. They depend on the vendor and the
// emoji only.
func captions(d drawing) []string {
	h := fnv.New64a()
	h.Write([]byte(d.vendor + "/" + d.emoji.Hexcode))
	rng := rand.New(rand.NewPCG(h.Sum64(), 0))
	order := rng.Perm(len(captionTemplates))
	in := func(i int) string {
		return strings.ReplaceAll(captionTemplates[order[i]], "{}", d.emoji.Label)
	}
	tags := slices.Clone(d.emoji.Tags)
	rng.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	switch len(tags) {
	case 0:
		return []string{in(0), in(1)}
	case 1:
		return []string{in(0), tags[0], in(1) + ", " + tags[0]}
	}
	return []string{in(0), tags[0] + ", " + tags[1], in(1) + ", " + tags[len(tags)-1]}
}
