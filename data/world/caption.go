package world

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// templates are the prompts of the sets; captions use them and others.
var templates = []string{"a photo of a {}", "a picture of a {}", "a drawing of a {}", "{}"}

var (
	captionTemplates = append([]string{"the {}", "my {}", "a {} on display", "one {} only", "here is a {}", "a {} seen today", "a small {}"}, templates...)
	noiseTemplates   = []string{"{} hd wallpaper", "{} free download", "img %d {}", "{} | page %d", "best price for {} buy now", "re: re: {}", "{} #nofilter", "file %d {} jpg", "{} &amp; more", "{} stock vector %d"}
	vagueCaptions    = []string{"a nice picture", "untitled", "my favourite", "image", "look at this", "for sale", "a photo", "seen today", "new in the shop", "what is this", "a thing", "picture %d"}

	irrelevantCaptions = map[content][]string{
		gradient: {"sunset over the bay", "abstract background", "smooth colors wallpaper", "evening sky", "screen saver %d", "soft light", "annual report %d cover"},
		blobs:    {"cells under a microscope", "bokeh lights", "paint drops", "lava lamp", "balloons at the party", "blurry lights of the city", "abstract art %d"},
		horizon:  {"a beach in summer", "fields and sky", "the desert at noon", "road trip %d", "view from the train", "a calm sea", "landscape photo"},
		writing:  {"terms and conditions", "page %d of the contract", "a street sign", "meeting notes", "sale ends monday", "menu of the day", "chapter %d"},
	}
	numberWords = []string{"", "a", "two", "three", "four"}
)

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

// fill puts what into a template, and a number where it has a place for one.
func fill(template, what string, rng *rand.Rand) string {
	if strings.Contains(template, "%d") {
		template = fmt.Sprintf(template, rng.IntN(3000))
	}
	return strings.ReplaceAll(template, "{}", what)
}

// truth is the right caption: the class or the whole scene, in a prompt's template.
func (pic *picture) truth(rng *rand.Rand) string {
	switch pic.content {
	case named:
		return fill(pick(rng, templates), pic.kind.name, rng)
	case plainScene:
		return describe(pic.objects, rng, 1) + onGround(pic.ground)
	}
	return fill(pick(rng, irrelevantCaptions[pic.content]), "", rng)
}

// caption is a caption that is about the picture and neither vague nor wrong.
func (pic *picture) caption(rng *rand.Rand) string {
	switch pic.content {
	case named:
		return pic.namedCaption(rng)
	case plainScene:
		text := describe(pic.objects, rng, 0.8)
		if rng.IntN(3) == 0 {
			text += onGround(pic.ground)
		}
		return text
	}
	return fill(pick(rng, irrelevantCaptions[pic.content]), "", rng)
}

// namedCaption: most name the kind, some say how it looks, some only that.
func (pic *picture) namedCaption(rng *rand.Rand) string {
	switch rng.IntN(20) {
	case 0, 1, 2, 3:
		return fill(pick(rng, captionTemplates), pic.kind.name+", "+looks(pic.kind.look), rng)
	case 4, 5:
		return "a " + looks(pic.kind.look)
	}
	return fill(pick(rng, captionTemplates), pic.kind.name, rng)
}

// vague is a caption that says little: nothing, the family or a part, or it is
// right among noise words.
func (pic *picture) vague(rng *rand.Rand) string {
	switch rng.IntN(3) {
	case 0:
		return fill(pick(rng, vagueCaptions), "", rng)
	case 1:
		return fill(pick(rng, captionTemplates), pic.part(rng), rng)
	}
	return fill(pick(rng, noiseTemplates), pic.whole(rng), rng)
}

func (pic *picture) part(rng *rand.Rand) string {
	switch pic.content {
	case named:
		return pic.kind.family
	case plainScene:
		return shapes[pic.objects[0].shape].name
	}
	return pick(rng, []string{"background", "view", "pattern"})
}

func (pic *picture) whole(rng *rand.Rand) string {
	switch pic.content {
	case named:
		return pic.kind.name
	case plainScene:
		return describe(pic.objects, rng, 0.8)
	}
	return pic.caption(rng)
}

// describe names a scene's objects; each adjective is there with probability full.
func describe(objects []look, rng *rand.Rand, full float64) string {
	first, last := objects[0], objects[len(objects)-1]
	if first != last {
		return "a " + adjectives(first, rng, full) + shapes[first.shape].name + " and a " + adjectives(last, rng, full) + shapes[last.shape].name
	}
	noun := shapes[first.shape].name
	if len(objects) > 1 {
		noun = shapes[first.shape].plural
	}
	return numberWords[len(objects)] + " " + adjectives(first, rng, full) + noun
}

func adjectives(l look, rng *rand.Rand, full float64) string {
	text := ""
	if word := textures[l.texture].adjective; word != "" && rng.Float64() < full {
		text = word + " "
	}
	if rng.Float64() < full {
		text += colors[l.fill].name + " "
	}
	return text
}

// looks describes a kind without its name: "red triangle with blue stripes".
func looks(l look) string {
	return fmt.Sprintf("%s %s with %s %s", colors[l.fill].name, shapes[l.shape].name, colors[l.mark].name, textures[l.texture].with)
}

func onGround(c color) string { return " on a " + colors[c].name + " background" }

// label is the class of a picture, of whichever set: a kind, or one plain object's
// colour and shape. Pictures of anything else have none.
func (pic *picture) label() string {
	switch {
	case pic.content == named:
		return pic.kind.name
	case pic.content == plainScene && len(pic.objects) == 1 && pic.objects[0].texture == plain:
		return plainName(pic.objects[0])
	}
	return ""
}
