package world

import "math/rand/v2"

// style is how a picture is drawn.
type style int

const (
	flat style = iota
	outlined
	thick
	noisy
	dark
	photo
)

// content is what a picture shows.
type content int

const (
	named content = iota // one thing of a kind
	plainScene
	gradient
	blobs
	horizon
	writing
)

// picture is all that is needed to draw an image and to say what it shows.
type picture struct {
	content content
	style   style
	kind    *kind  // of a named picture
	objects []look // drawn from the first to the last; one look repeated is a count
	ground  color  // of the background, or of the sky
	seed    uint64 // of positions, jitter and noise
	nudge   uint64 // not 0: a near duplicate's small changes
	spread  bool   // its objects stand anywhere on a canvas
}

var grounds = []color{11, 11, 11, 9, 2, 6, 8} // white is the most common

func (p Params) style(rng *rand.Rand) style {
	if rng.Float64() < p.Photo {
		return photo
	}
	return commonStyle(rng)
}

func commonStyle(rng *rand.Rand) style {
	return []style{flat, flat, flat, outlined, outlined, thick, noisy, noisy, dark, dark}[rng.IntN(10)]
}

func groundOf(s style, rng *rand.Rand) color {
	if s == dark {
		return 10
	}
	return grounds[rng.IntN(len(grounds))]
}

// sampleNamed is a picture of a kind, one in four with a plain object beside it.
func sampleNamed(k *kind, s style, rng *rand.Rand) picture {
	pic := picture{content: named, style: s, kind: k, ground: groundOf(s, rng), seed: rng.Uint64()}
	if rng.IntN(4) == 0 {
		pic.objects = append(pic.objects, samplePlain(rng))
	}
	pic.objects = append(pic.objects, k.look)
	return pic
}

func samplePlain(rng *rand.Rand) look {
	return look{shape: rng.IntN(len(shapes)), texture: max(plain, texture(rng.IntN(6)-2)), fill: color(rng.IntN(numBright))}
}

// sampleScene is one to four plain objects: the same one repeated, or two of them.
func sampleScene(s style, rng *rand.Rand) picture {
	pic := picture{content: plainScene, style: s, ground: groundOf(s, rng), seed: rng.Uint64()}
	one := samplePlain(rng)
	switch rng.IntN(6) {
	case 0, 1, 2:
		pic.objects = []look{one}
	case 3:
		pic.objects = []look{one, samplePlain(rng)}
	default:
		for range 2 + rng.IntN(3) {
			pic.objects = append(pic.objects, one)
		}
	}
	return pic
}

// sampleOther is one plain object of a class of the set others.
func sampleOther(l look, rng *rand.Rand) picture {
	s := commonStyle(rng)
	return picture{content: plainScene, style: s, objects: []look{l}, ground: groundOf(s, rng), seed: rng.Uint64()}
}

func sampleIrrelevant(rng *rand.Rand) picture {
	return picture{content: gradient + content(rng.IntN(4)), style: commonStyle(rng), ground: color(rng.IntN(len(colors))), seed: rng.Uint64()}
}
